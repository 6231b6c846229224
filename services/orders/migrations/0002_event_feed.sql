-- A global order of the events that readers can follow without missing one: rows of transactions that are still open have
-- an xid at or above the snapshot's xmin, and are not read before all of those below are settled.
ALTER TABLE order_events ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE order_events ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX order_events_feed ON order_events (xid, position);

-- What an order was when its stream had grown long: a shortcut for reading it, never the truth.
CREATE TABLE order_snapshots (
  stream_id text PRIMARY KEY,
  version integer NOT NULL,
  shape integer NOT NULL,
  data jsonb NOT NULL
);

-- Billing, coupon, disputes, credit and how it is captured.
ALTER TABLE orders ADD COLUMN details jsonb NOT NULL DEFAULT '{}';

-- Refunds of an order that are made through the payment of another one.
CREATE TABLE funded_refunds (refund_id text PRIMARY KEY, order_id text NOT NULL);
