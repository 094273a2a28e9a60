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

-- Orders --------------------------------------------------------------------------------------------------------------

-- The deadline sweep looks at unsettled orders only.
CREATE INDEX "orders_processing_idx" ON "orders"("created_at") WHERE "status" = 'PROCESSING';

-- A failed order says why, and no other does.
ALTER TABLE "orders" ADD CONSTRAINT "orders_reason_when_failed" CHECK (("status" = 'FAILED') = ("reason" IS NOT NULL));

-- A successful order has a total; no total is negative.
ALTER TABLE "orders" ADD CONSTRAINT "orders_total_when_success" CHECK ("status" <> 'SUCCESS' OR "total" IS NOT NULL);
ALTER TABLE "orders" ADD CONSTRAINT "orders_total_not_negative" CHECK ("total" >= 0);

-- A line orders at least one piece, at a price that is not negative.
ALTER TABLE "order_items" ADD CONSTRAINT "order_items_quantity_positive" CHECK ("quantity" > 0);
ALTER TABLE "order_items" ADD CONSTRAINT "order_items_price_not_negative" CHECK ("unit_price" >= 0);

-- An order begins as PROCESSING. (After insert, so that an upsert that ends in an update is not refused.)
CREATE TRIGGER "orders_begin_processing" AFTER INSERT ON "orders"
  FOR EACH ROW WHEN (NEW."status" <> 'PROCESSING') EXECUTE FUNCTION "refuse_change"();

-- Status moves once, from PROCESSING to SUCCESS or FAILED; a settled order keeps its status, reason and total.
CREATE TRIGGER "orders_settled_for_good" BEFORE UPDATE ON "orders"
  FOR EACH ROW WHEN (
    OLD."status" <> 'PROCESSING'
    AND (NEW."status", NEW."reason", NEW."total") IS DISTINCT FROM (OLD."status", OLD."reason", OLD."total")
  ) EXECUTE FUNCTION "refuse_change"();

-- Who ordered, and in which mode, never changes.
CREATE TRIGGER "orders_keep_identity" BEFORE UPDATE ON "orders"
  FOR EACH ROW WHEN ((NEW."id", NEW."user_id", NEW."mode") IS DISTINCT FROM (OLD."id", OLD."user_id", OLD."mode"))
  EXECUTE FUNCTION "refuse_change"();

-- Orders are never deleted.
CREATE TRIGGER "orders_never_deleted" BEFORE DELETE OR TRUNCATE ON "orders"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();

-- updated_at is the moment of the last change.
CREATE TRIGGER "orders_updated_at" BEFORE UPDATE ON "orders"
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION "set_updated_at"();

-- Every status an order ever had is written down, one row each.
CREATE FUNCTION "write_status_history"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "order_status_history" ("order_id", "status", "reason") VALUES (NEW."id", NEW."status", NEW."reason");
  RETURN NULL;
END $$;
CREATE TRIGGER "orders_history_of_insert" AFTER INSERT ON "orders"
  FOR EACH ROW EXECUTE FUNCTION "write_status_history"();
CREATE TRIGGER "orders_history_of_update" AFTER UPDATE ON "orders"
  FOR EACH ROW WHEN (OLD."status" <> NEW."status") EXECUTE FUNCTION "write_status_history"();

-- The history is append-only.
CREATE TRIGGER "order_status_history_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "order_status_history"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();

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
