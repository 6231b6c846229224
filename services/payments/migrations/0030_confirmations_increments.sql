-- Payments that wait for their payer to confirm them, and authorizations that are raised.
ALTER TABLE attempts DROP CONSTRAINT attempts_status_check;
ALTER TABLE attempts ADD CONSTRAINT attempts_status_check CHECK (status IN ('requires_confirmation', 'requires_action',
  'processing', 'requires_capture', 'succeeded', 'failed', 'unknown', 'cancelled'));
-- Of one that was made to be confirmed later: until when it may be.
ALTER TABLE attempts ADD COLUMN confirm_by timestamptz;
-- The token of its method, encrypted; null again as soon as no call to the provider can need it.
ALTER TABLE attempts ADD COLUMN sealed_method text;
-- What the provider said with this authorization: how much may be captured at most, and whether it can be raised.
ALTER TABLE attempts ADD COLUMN capturable_max_minor bigint;
ALTER TABLE attempts ADD COLUMN incrementable boolean;
DROP INDEX attempts_one_live;
CREATE UNIQUE INDEX attempts_one_live ON attempts (order_id)
  WHERE status IN ('requires_confirmation', 'requires_action', 'processing', 'unknown', 'requires_capture');

-- Raises of what an authorization holds. The id is the provider's idempotency key; the row is durable before the provider
-- hears of it.
CREATE TABLE increments (
  id text PRIMARY KEY,
  order_id text NOT NULL REFERENCES intents (order_id),
  attempt_id text NOT NULL REFERENCES attempts (id),
  currency text NOT NULL,
  from_minor bigint NOT NULL CHECK (from_minor > 0),
  -- What is held in all when it succeeds.
  to_minor bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  failure_code text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  due_at timestamptz,
  tries integer NOT NULL DEFAULT 0,
  CHECK (to_minor > from_minor)
);
CREATE INDEX increments_by_attempt ON increments (attempt_id, created_at);
CREATE UNIQUE INDEX increments_one_pending ON increments (attempt_id) WHERE status = 'pending';
CREATE INDEX increments_due ON increments (due_at) WHERE due_at IS NOT NULL;

-- The sandbox's own: what it was asked to hold, by the merchant's reference.
CREATE TABLE sandbox.increments (
  merchant_reference text PRIMARY KEY,
  payment_reference text NOT NULL REFERENCES sandbox.payments (merchant_reference),
  to_minor bigint NOT NULL,
  failure_code text NOT NULL DEFAULT ''
);
