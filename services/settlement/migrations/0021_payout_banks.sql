-- The banks that take files: asked for by one person, approved by another. A currency without an active one is paid by the sandbox.
CREATE TABLE payout_banks (
  id text PRIMARY KEY,
  legal_entity text NOT NULL,
  currency text NOT NULL,
  name text NOT NULL,
  debtor_name text NOT NULL,
  masked_account text NOT NULL,
  sealed_account text NOT NULL,
  bank_code text NOT NULL,
  status text NOT NULL CHECK (status IN ('requested', 'active', 'replaced')),
  requested_by text NOT NULL,
  approved_by text NOT NULL DEFAULT '' CHECK (approved_by = '' OR approved_by <> requested_by),
  requested_at timestamptz NOT NULL,
  approved_at timestamptz
);
CREATE UNIQUE INDEX payout_banks_one_active ON payout_banks (currency) WHERE status = 'active';
CREATE UNIQUE INDEX payout_banks_one_requested ON payout_banks (currency) WHERE status = 'requested';

-- Which bank a batch was made for; NULL: the sandbox.
ALTER TABLE payout_batches
  ADD COLUMN bank_id text REFERENCES payout_banks (id),
  ADD COLUMN bank_name text NOT NULL DEFAULT 'sandbox',
  ADD COLUMN legal_entity text NOT NULL DEFAULT '',
  ADD COLUMN handed_over_by text NOT NULL DEFAULT '',
  ADD COLUMN handed_over_sha256 text NOT NULL DEFAULT '';
ALTER TABLE payouts
  ADD COLUMN bank_name text NOT NULL DEFAULT 'sandbox',
  ADD COLUMN simulated boolean NOT NULL DEFAULT true;

-- What banks answered. The same bytes are applied once; what was refused leaves only this record.
CREATE TABLE payout_answers (
  id text PRIMARY KEY,
  number bigint GENERATED ALWAYS AS IDENTITY,
  payout_batch_id text NOT NULL REFERENCES payout_batches (id),
  format text NOT NULL CHECK (format IN ('pain_002', 'nach_return', 'csv')),
  file_name text NOT NULL,
  sha256 text NOT NULL,
  size_bytes bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('applied', 'refused')),
  reason text NOT NULL DEFAULT '',
  reason_line bigint NOT NULL DEFAULT 0,
  reason_detail text NOT NULL DEFAULT '',
  paid integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  returned integer NOT NULL DEFAULT 0,
  unchanged integer NOT NULL DEFAULT 0,
  uploaded_by text NOT NULL,
  sealed_content text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX payout_answers_once ON payout_answers (sha256) WHERE status = 'applied';
CREATE INDEX payout_answers_of ON payout_answers (payout_batch_id, number DESC);
