-- The sandbox with a whole life of its own: several instances, authorizations, disputes, mandates, settlement reports.
ALTER TABLE sandbox.payments ADD COLUMN provider text NOT NULL DEFAULT 'sandbox';
ALTER TABLE sandbox.payments DROP CONSTRAINT payments_status_check;
ALTER TABLE sandbox.payments ADD CONSTRAINT payments_status_check CHECK (status IN
  ('requires_action', 'processing', 'authorized', 'succeeded', 'failed', 'voided'));
ALTER TABLE sandbox.payments ADD COLUMN reference text NOT NULL DEFAULT '';
ALTER TABLE sandbox.payments ADD COLUMN capture text NOT NULL DEFAULT 'automatic';
ALTER TABLE sandbox.payments ADD COLUMN captured_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE sandbox.payments ADD COLUMN capturable_until timestamptz;
ALTER TABLE sandbox.payments ADD COLUMN deemed boolean NOT NULL DEFAULT false;
ALTER TABLE sandbox.payments ADD COLUMN authentication jsonb;
UPDATE sandbox.payments SET captured_minor = amount_minor WHERE status = 'succeeded';

CREATE TABLE sandbox.captures (
  merchant_reference text PRIMARY KEY,
  payment_reference text NOT NULL REFERENCES sandbox.payments (merchant_reference),
  amount_minor bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('succeeded', 'failed')),
  failure_code text NOT NULL DEFAULT ''
);
CREATE INDEX captures_by_payment ON sandbox.captures (payment_reference);

CREATE TABLE sandbox.disputes (
  reference text PRIMARY KEY,
  provider text NOT NULL,
  payment_reference text NOT NULL REFERENCES sandbox.payments (merchant_reference),
  stage text NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  reason text NOT NULL,
  status text NOT NULL CHECK (status IN ('opened', 'challenged', 'won', 'lost')),
  evidence text NOT NULL DEFAULT '',
  evidence_due_at timestamptz NOT NULL,
  -- When it closes by itself, and how.
  closes_at timestamptz,
  closes_to text NOT NULL DEFAULT ''
);
CREATE INDEX disputes_close ON sandbox.disputes (closes_at) WHERE closes_at IS NOT NULL;
CREATE INDEX disputes_by_payment ON sandbox.disputes (payment_reference);

-- Disputes that a payer is going to open.
ALTER TABLE sandbox.payments ADD COLUMN disputes_at timestamptz;
CREATE INDEX payments_dispute ON sandbox.payments (disputes_at) WHERE disputes_at IS NOT NULL;

ALTER TABLE sandbox.refunds ADD COLUMN provider text NOT NULL DEFAULT 'sandbox';
ALTER TABLE sandbox.refunds ADD COLUMN settles_to text NOT NULL DEFAULT 'succeeded';
ALTER TABLE sandbox.refunds ADD COLUMN told boolean NOT NULL DEFAULT true;

CREATE TABLE sandbox.mandates (
  merchant_reference text PRIMARY KEY,
  provider text NOT NULL,
  token text NOT NULL,
  method text NOT NULL,
  umn text NOT NULL,
  currency text NOT NULL,
  amount_max_minor bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'active', 'paused', 'revoked', 'failed', 'expired')),
  action jsonb,
  settles_at timestamptz,
  created_at timestamptz NOT NULL
);
CREATE INDEX mandates_settle ON sandbox.mandates (settles_at) WHERE settles_at IS NOT NULL;

-- Payers told of a charge to come.
CREATE TABLE sandbox.notices (
  payment_reference text PRIMARY KEY,
  mandate_reference text NOT NULL REFERENCES sandbox.mandates (merchant_reference),
  told_at timestamptz NOT NULL,
  charge_at timestamptz NOT NULL
);

ALTER TABLE sandbox.deliveries ADD COLUMN provider text NOT NULL DEFAULT 'sandbox';

-- What moves at the provider, until it is in a settlement report. Amounts are signed: what comes to us is positive.
CREATE TABLE sandbox.movements (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('capture', 'refund', 'refund_reversed', 'dispute', 'dispute_won', 'dispute_fee')),
  provider_reference text NOT NULL,
  merchant_reference text NOT NULL,
  currency text NOT NULL,
  gross_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  at timestamptz NOT NULL,
  report_name text NOT NULL DEFAULT '',
  UNIQUE (provider, kind, provider_reference)
);
CREATE INDEX movements_open ON sandbox.movements (provider, at) WHERE report_name = '';

CREATE TABLE sandbox.reports (
  provider text NOT NULL,
  name text NOT NULL,
  content text NOT NULL,
  made_at timestamptz NOT NULL,
  PRIMARY KEY (provider, name)
);
