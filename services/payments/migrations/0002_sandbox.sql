-- The sandbox provider plays another company: what it knows is its own and survives us. Nothing outside
-- provider-sandbox.ts reads these tables.
CREATE SCHEMA sandbox;

CREATE TABLE sandbox.payments (
  -- The merchant's reference (our attempt id) is the idempotency key.
  merchant_reference text PRIMARY KEY,
  token text NOT NULL,
  method text NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('requires_action', 'processing', 'succeeded', 'failed')),
  failure_code text NOT NULL DEFAULT '',
  action jsonb,
  -- When it settles by itself, and how.
  settles_at timestamptz,
  settles_to text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL
);
CREATE INDEX payments_settle ON sandbox.payments (settles_at) WHERE settles_at IS NOT NULL;

CREATE TABLE sandbox.refunds (
  merchant_reference text PRIMARY KEY,
  payment_reference text NOT NULL REFERENCES sandbox.payments (merchant_reference),
  amount_minor bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  failure_code text NOT NULL DEFAULT '',
  settles_at timestamptz
);
CREATE INDEX refunds_settle ON sandbox.refunds (settles_at) WHERE settles_at IS NOT NULL;
CREATE INDEX refunds_by_payment ON sandbox.refunds (payment_reference);

-- Webhooks to be delivered; gone when acknowledged.
CREATE TABLE sandbox.deliveries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id text NOT NULL,
  body text NOT NULL,
  due_at timestamptz NOT NULL,
  tries integer NOT NULL DEFAULT 0
);
CREATE INDEX deliveries_due ON sandbox.deliveries (due_at);
