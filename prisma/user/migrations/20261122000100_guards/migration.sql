-- What Prisma can't express: the rules that hold even when the code is wrong. A broken rule is SQLSTATE 23514 with the rule's name.

CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% refuses %', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END $$;

CREATE FUNCTION "set_updated_at"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW."updated_at" := clock_timestamp();
  RETURN NEW;
END $$;

-- Users ---------------------------------------------------------------------------------------------------------------

-- A balance is never negative, not even for a moment, and stays a safe integer in JSON.
ALTER TABLE "users" ADD CONSTRAINT "users_balance_in_range" CHECK (
  "balance" BETWEEN 0 AND 9007199254740991 AND "opening_balance" BETWEEN 0 AND 9007199254740991
);

-- updated_at is the moment of the last change.
CREATE TRIGGER "users_updated_at" BEFORE UPDATE ON "users"
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION "set_updated_at"();

-- Payments ------------------------------------------------------------------------------------------------------------

-- A rejected order has a reason and no amount; one that was debited has an amount and no reason.
ALTER TABLE "payments" ADD CONSTRAINT "payments_reason_when_rejected" CHECK (
  ("status" = 'REJECTED') = ("reason" IS NOT NULL) AND ("status" = 'REJECTED') = ("amount" IS NULL)
);
ALTER TABLE "payments" ADD CONSTRAINT "payments_amount_not_negative" CHECK ("amount" >= 0);

-- The only move is from DEBITED to REFUNDED.
CREATE TRIGGER "payments_only_refunded" BEFORE UPDATE ON "payments"
  FOR EACH ROW WHEN (
    (NEW."order_id", NEW."user_id", NEW."reason", NEW."amount")
      IS DISTINCT FROM (OLD."order_id", OLD."user_id", OLD."reason", OLD."amount")
    OR (OLD."status" <> NEW."status" AND NOT (OLD."status" = 'DEBITED' AND NEW."status" = 'REFUNDED'))
  ) EXECUTE FUNCTION "refuse_change"();

-- What was done for an order is never forgotten, or it would be done twice.
CREATE TRIGGER "payments_never_deleted" BEFORE DELETE OR TRUNCATE ON "payments"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();

-- updated_at is the moment of the last change.
CREATE TRIGGER "payments_updated_at" BEFORE UPDATE ON "payments"
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION "set_updated_at"();

-- The ledger ----------------------------------------------------------------------------------------------------------

-- Amounts are not negative (an order may cost nothing); a deposit brings something.
ALTER TABLE "ledger" ADD CONSTRAINT "ledger_amount_positive"
  CHECK ("amount" > 0 OR ("amount" = 0 AND "kind" <> 'DEPOSIT'));

-- All but a deposit belong to an order.
ALTER TABLE "ledger" ADD CONSTRAINT "ledger_order_unless_deposit" CHECK (("kind" = 'DEPOSIT') = ("order_id" IS NULL));

-- What a user paid in, which bounds further deposits; see services/user/ledger.ts.
CREATE INDEX "ledger_deposits_idx" ON "ledger"("user_id") INCLUDE ("amount") WHERE "kind" = 'DEPOSIT';

-- The ledger is append-only.
CREATE TRIGGER "ledger_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "ledger"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();

-- What is refunded is what was debited for that order. (Per statement, so that both may come in one batch.)
CREATE FUNCTION "check_refund"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong uuid;
BEGIN
  SELECT "order_id" INTO wrong FROM "added" AS back WHERE back."kind" = 'REFUND' AND NOT EXISTS (
    SELECT FROM "ledger" AS taken
    WHERE taken."order_id" = back."order_id" AND taken."user_id" = back."user_id"
      AND taken."kind" = 'DEBIT' AND taken."amount" = back."amount"
  ) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'order % is refunded what it did not pay', wrong
      USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "ledger_refund_as_debited" AFTER INSERT ON "ledger"
  REFERENCING NEW TABLE AS "added" FOR EACH STATEMENT EXECUTE FUNCTION "check_refund"();

-- The outbox and the inbox (the same in every service) ----------------------------------------------------------------

-- What the relay has still to publish, however many published rows stay.
CREATE INDEX "outbox_waiting_idx" ON "outbox"("id") WHERE "published_at" IS NULL AND "parked_at" IS NULL;

-- Which aggregates are parked.
CREATE INDEX "outbox_parked_idx" ON "outbox"("aggregate_id") WHERE "parked_at" IS NOT NULL AND "published_at" IS NULL;

-- What can be pruned.
CREATE INDEX "outbox_published_idx" ON "outbox"("published_at") WHERE "published_at" IS NOT NULL;

-- A row is waiting, published or parked; never two of them.
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_published_or_parked" CHECK ("published_at" IS NULL OR "parked_at" IS NULL);

-- Attempts are counted up from nought.
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_attempts_counted" CHECK ("attempts" >= 0);

-- Both tables turn over quickly: vacuum after a few thousand dead rows, not after a fifth of the table.
ALTER TABLE "outbox" SET (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);
ALTER TABLE "inbox" SET (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);
