-- Authorized first and captured later; what a provider says of an attempt; disputes with a whole life; what waits for a person.
ALTER TABLE intents ADD COLUMN capture_method text NOT NULL DEFAULT 'automatic' CHECK (capture_method IN ('automatic', 'manual'));
-- What was captured in the end: less than the amount after a partial capture.
ALTER TABLE intents ADD COLUMN captured_minor bigint NOT NULL DEFAULT 0;
UPDATE intents SET captured_minor = amount_minor WHERE status = 'captured';

ALTER TABLE attempts DROP CONSTRAINT attempts_status_check;
ALTER TABLE attempts ADD CONSTRAINT attempts_status_check CHECK (status IN
  ('requires_action', 'processing', 'requires_capture', 'succeeded', 'failed', 'unknown', 'cancelled'));
ALTER TABLE attempts ADD COLUMN capture_method text NOT NULL DEFAULT 'automatic' CHECK (capture_method IN ('automatic', 'manual'));
-- The provider's own id of the payment.
ALTER TABLE attempts ADD COLUMN reference text NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN captured_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN capturable_until timestamptz;
ALTER TABLE attempts ADD COLUMN fee_minor bigint;
ALTER TABLE attempts ADD COLUMN provider_code text NOT NULL DEFAULT '';
-- {brand, last4, expiry, fingerprint} and {flow, exemption, liabilityShifted}.
ALTER TABLE attempts ADD COLUMN card jsonb;
ALTER TABLE attempts ADD COLUMN authentication jsonb;
-- A charge of a mandate, and which try of its order it is.
ALTER TABLE attempts ADD COLUMN mandate_id text NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN try_number integer NOT NULL DEFAULT 0;
-- When a mandate is charged: after its payer was told.
ALTER TABLE attempts ADD COLUMN charge_at timestamptz;
UPDATE attempts SET captured_minor = amount_minor WHERE status = 'succeeded';
DROP INDEX attempts_one_live;
CREATE UNIQUE INDEX attempts_one_live ON attempts (order_id)
  WHERE status IN ('requires_action', 'processing', 'unknown', 'requires_capture');
CREATE UNIQUE INDEX attempts_one_a_try ON attempts (order_id, try_number) WHERE mandate_id <> '';
CREATE INDEX attempts_by_reference ON attempts (provider, reference) WHERE reference <> '';
CREATE INDEX attempts_settled ON attempts (provider, method, moved_at DESC) WHERE status IN ('succeeded', 'failed');

-- Parts of an authorization that we take. The id is the provider's idempotency key.
CREATE TABLE captures (
  id text PRIMARY KEY,
  order_id text NOT NULL REFERENCES intents (order_id),
  attempt_id text NOT NULL REFERENCES attempts (id),
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  final boolean NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  failure_code text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  due_at timestamptz,
  tries integer NOT NULL DEFAULT 0
);
CREATE INDEX captures_by_attempt ON captures (attempt_id);
CREATE INDEX captures_due ON captures (due_at) WHERE due_at IS NOT NULL;

-- Authorizations to be given back. Here the attempt is over already; the provider is told until it has heard it.
CREATE TABLE voids (
  id text PRIMARY KEY,
  order_id text NOT NULL REFERENCES intents (order_id),
  attempt_id text NOT NULL REFERENCES attempts (id) UNIQUE,
  created_at timestamptz NOT NULL,
  done_at timestamptz,
  due_at timestamptz,
  tries integer NOT NULL DEFAULT 0
);
CREATE INDEX voids_due ON voids (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE refunds ADD COLUMN reference text NOT NULL DEFAULT '';
-- When a request first left for the provider; null: none did.
ALTER TABLE refunds ADD COLUMN sent_at timestamptz;
UPDATE refunds SET sent_at = created_at;
CREATE INDEX refunds_by_reference ON refunds (reference) WHERE reference <> '';

ALTER TABLE disputes DROP CONSTRAINT disputes_status_check;
ALTER TABLE disputes ADD CONSTRAINT disputes_status_check CHECK (status IN
  ('opened', 'challenged', 'accepted', 'expired', 'won', 'lost'));
ALTER TABLE disputes ADD COLUMN provider text NOT NULL DEFAULT 'sandbox';
ALTER TABLE disputes ADD COLUMN reference text NOT NULL DEFAULT '';
ALTER TABLE disputes ADD COLUMN stage text NOT NULL DEFAULT 'dispute' CHECK (stage IN ('pre_dispute', 'dispute', 'pre_arbitration'));
ALTER TABLE disputes ADD COLUMN reason text NOT NULL DEFAULT '';
ALTER TABLE disputes ADD COLUMN fee_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE disputes ADD COLUMN evidence text NOT NULL DEFAULT '';
-- accept or challenge, while the provider has not answered to it.
ALTER TABLE disputes ADD COLUMN pending text NOT NULL DEFAULT '' CHECK (pending IN ('', 'accept', 'challenge'));
ALTER TABLE disputes ADD COLUMN evidence_due_at timestamptz;
ALTER TABLE disputes ADD COLUMN closed_at timestamptz;
ALTER TABLE disputes ADD COLUMN due_at timestamptz;
ALTER TABLE disputes ADD COLUMN tries integer NOT NULL DEFAULT 0;
UPDATE disputes SET reference = id;
CREATE UNIQUE INDEX disputes_by_reference ON disputes (provider, reference, stage);
CREATE INDEX disputes_newest ON disputes (opened_at DESC, id DESC);
CREATE INDEX disputes_due ON disputes (due_at) WHERE due_at IS NOT NULL;

-- What no machine settles: seen to by a person.
CREATE TABLE attention (
  id text PRIMARY KEY,
  order_id text NOT NULL,
  attempt_id text NOT NULL,
  subject_id text NOT NULL,
  because text NOT NULL,
  since timestamptz NOT NULL,
  closed_at timestamptz,
  closed_by text NOT NULL DEFAULT '',
  note text NOT NULL DEFAULT '',
  UNIQUE (subject_id, because)
);
CREATE INDEX attention_open ON attention (since, id) WHERE closed_at IS NULL;
