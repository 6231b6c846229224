-- The write side: what happened to each order, in order. Never updated, never deleted.
CREATE TABLE order_events (
  stream_id text NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  type text NOT NULL,
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (stream_id, version)
);

CREATE FUNCTION order_events_are_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'order events are never changed' USING ERRCODE = '42501'; END $$;
CREATE TRIGGER order_events_are_kept BEFORE UPDATE OR DELETE ON order_events
  FOR EACH ROW EXECUTE FUNCTION order_events_are_kept();
CREATE TRIGGER order_events_are_not_truncated BEFORE TRUNCATE ON order_events
  FOR EACH STATEMENT EXECUTE FUNCTION order_events_are_kept();

-- The read side: one row an order, written in the transaction of its events, rebuildable from them. Its row is also the
-- lock of the stream.
CREATE TABLE orders (
  id text PRIMARY KEY,
  version integer NOT NULL,
  number text NOT NULL CONSTRAINT orders_number_unique UNIQUE,
  buyer_id text NOT NULL,
  status text NOT NULL CHECK (status IN ('awaiting_payment', 'paid', 'cancelled', 'partially_refunded', 'refunded')),
  currency text NOT NULL,
  subtotal_minor bigint NOT NULL CHECK (subtotal_minor >= 0),
  discount_minor bigint NOT NULL CHECK (discount_minor >= 0),
  tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
  total_minor bigint NOT NULL,
  refunded_minor bigint NOT NULL CHECK (refunded_minor BETWEEN 0 AND total_minor),
  lines jsonb NOT NULL,
  refunds jsonb NOT NULL,
  -- Courses that this order paid for and did not give back.
  owned_course_ids text[] NOT NULL,
  payment_id text NOT NULL,
  cancelled_because text NOT NULL,
  placed_at timestamptz NOT NULL,
  paid_at timestamptz,
  expires_at timestamptz NOT NULL,
  CHECK (total_minor = subtotal_minor - discount_minor + tax_minor)
);
CREATE INDEX orders_by_buyer ON orders (buyer_id, placed_at DESC, id DESC);
CREATE INDEX orders_by_time ON orders (placed_at DESC, id DESC);
CREATE INDEX orders_by_status ON orders (status, placed_at DESC, id DESC);

-- Which version of the projection the rows of `orders` are of.
CREATE TABLE projections (name text PRIMARY KEY, version integer NOT NULL);

-- What the janitor has to look after, and when. Not part of the projection.
CREATE TABLE order_timers (
  order_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('expiry', 'cancel', 'refund')),
  -- The refund of a `refund` timer.
  subject text NOT NULL DEFAULT '',
  due_at timestamptz NOT NULL,
  tries integer NOT NULL DEFAULT 0,
  PRIMARY KEY (order_id, kind, subject)
);
CREATE INDEX order_timers_due ON order_timers (due_at);
