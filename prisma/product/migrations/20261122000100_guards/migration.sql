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

-- Products ------------------------------------------------------------------------------------------------------------

-- Stock is never negative, not even for a moment.
ALTER TABLE "products" ADD CONSTRAINT "products_stock_not_negative" CHECK ("stock" >= 0 AND "opening_stock" >= 0);

-- A price is between nothing and 10^12 minor units.
ALTER TABLE "products" ADD CONSTRAINT "products_price_in_range" CHECK ("price" BETWEEN 0 AND 1000000000000);

-- updated_at is the moment of the last change.
CREATE TRIGGER "products_updated_at" BEFORE UPDATE ON "products"
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION "set_updated_at"();

-- Reservations --------------------------------------------------------------------------------------------------------

-- A rejected order has a reason and no total; one that was reserved has a total and no reason.
ALTER TABLE "reservations" ADD CONSTRAINT "reservations_reason_when_rejected" CHECK (
  ("status" = 'REJECTED') = ("reason" IS NOT NULL) AND ("status" = 'REJECTED') = ("total" IS NULL)
);
ALTER TABLE "reservations" ADD CONSTRAINT "reservations_total_not_negative" CHECK ("total" >= 0);

-- The only move is from RESERVED to RELEASED.
CREATE TRIGGER "reservations_only_released" BEFORE UPDATE ON "reservations"
  FOR EACH ROW WHEN (
    (NEW."order_id", NEW."reason", NEW."total") IS DISTINCT FROM (OLD."order_id", OLD."reason", OLD."total")
    OR (OLD."status" <> NEW."status" AND NOT (OLD."status" = 'RESERVED' AND NEW."status" = 'RELEASED'))
  ) EXECUTE FUNCTION "refuse_change"();

-- What was done for an order is never forgotten, or it would be done twice.
CREATE TRIGGER "reservations_never_deleted" BEFORE DELETE OR TRUNCATE ON "reservations"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();

-- updated_at is the moment of the last change.
CREATE TRIGGER "reservations_updated_at" BEFORE UPDATE ON "reservations"
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION "set_updated_at"();

-- Stock movements -----------------------------------------------------------------------------------------------------

-- A movement moves at least one piece; kind says the direction.
ALTER TABLE "stock_movements" ADD CONSTRAINT "stock_movements_quantity_positive" CHECK ("quantity" > 0);

-- All but a restock belong to an order.
ALTER TABLE "stock_movements" ADD CONSTRAINT "stock_movements_order_unless_restock"
  CHECK (("kind" = 'RESTOCK') = ("order_id" IS NULL));

-- What was restocked, which bounds further restocks; see services/product/restock.ts.
CREATE INDEX "stock_movements_restocks_idx" ON "stock_movements"("product_id") INCLUDE ("quantity") WHERE "kind" = 'RESTOCK';

-- Movements are append-only.
CREATE TRIGGER "stock_movements_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "stock_movements"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();

-- What is released is what was reserved for that line. (Per statement, so that both may come in one batch.)
CREATE FUNCTION "check_release"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong uuid;
BEGIN
  SELECT "order_id" INTO wrong FROM "added" AS back WHERE back."kind" = 'RELEASE' AND NOT EXISTS (
    SELECT FROM "stock_movements" AS taken
    WHERE taken."order_id" = back."order_id" AND taken."product_id" = back."product_id"
      AND taken."kind" = 'RESERVE' AND taken."quantity" = back."quantity"
  ) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'order % releases what it did not reserve', wrong
      USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "stock_movements_release_as_reserved" AFTER INSERT ON "stock_movements"
  REFERENCING NEW TABLE AS "added" FOR EACH STATEMENT EXECUTE FUNCTION "check_release"();

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
