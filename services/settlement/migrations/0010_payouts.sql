-- What instructors are owed and paid. Amounts are minor units of the row's currency.

-- One settlement of everybody up to a place in the book. At most one is under way.
CREATE TABLE settlement_runs (
  id text PRIMARY KEY,
  number bigint GENERATED ALWAYS AS IDENTITY,
  status text NOT NULL CHECK (status IN ('collecting', 'settling', 'done')),
  after_sequence bigint NOT NULL,
  cutoff_sequence bigint NOT NULL CHECK (cutoff_sequence >= after_sequence),
  -- The sequence, and which run of that sequence when the book stood still between two.
  cutoff_label text NOT NULL UNIQUE,
  cutoff_at timestamptz NOT NULL,
  maker_id text NOT NULL,
  policy jsonb NOT NULL,
  -- How far the collecting of accounts has come: the ledger's page token.
  page_token text NOT NULL DEFAULT '',
  accounts bigint NOT NULL DEFAULT 0,
  accounts_settled bigint NOT NULL DEFAULT 0,
  output_sha256 text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX settlement_runs_one_under_way ON settlement_runs ((true)) WHERE status <> 'done';
CREATE INDEX settlement_runs_number ON settlement_runs (number);

-- The accounts of a run that are not settled yet.
CREATE TABLE settlement_run_accounts (
  run_id text NOT NULL REFERENCES settlement_runs (id),
  currency text NOT NULL,
  instructor_id text NOT NULL,
  PRIMARY KEY (run_id, currency, instructor_id)
);

-- Where an instructor's account in a currency stands after its last settlement.
CREATE TABLE settled_accounts (
  instructor_id text NOT NULL,
  currency text NOT NULL,
  until_sequence bigint NOT NULL,
  closing_minor bigint NOT NULL,
  held_because text NOT NULL,
  -- For each rule and period: what tax was reckoned on so far, and what of it was taxed.
  withheld jsonb NOT NULL,
  PRIMARY KEY (instructor_id, currency)
);

CREATE TABLE settlement_batches (
  id text PRIMARY KEY,
  run_id text NOT NULL REFERENCES settlement_runs (id),
  instructor_id text NOT NULL,
  currency text NOT NULL,
  after_sequence bigint NOT NULL,
  cutoff_sequence bigint NOT NULL,
  cutoff_at timestamptz NOT NULL,
  opening_minor bigint NOT NULL,
  earned_minor bigint NOT NULL,
  adjusted_minor bigint NOT NULL,
  returned_minor bigint NOT NULL,
  reserve_released_minor bigint NOT NULL CHECK (reserve_released_minor >= 0),
  reserve_held_minor bigint NOT NULL CHECK (reserve_held_minor >= 0),
  tds_minor bigint NOT NULL CHECK (tds_minor >= 0),
  tcs_minor bigint NOT NULL CHECK (tcs_minor >= 0),
  payout_minor bigint NOT NULL CHECK (payout_minor >= 0),
  closing_minor bigint NOT NULL,
  held_because text NOT NULL,
  payout_id text NOT NULL,
  statement_sha256 text NOT NULL,
  CHECK (opening_minor + earned_minor + adjusted_minor + returned_minor + reserve_released_minor
    - reserve_held_minor - tds_minor - tcs_minor - payout_minor = closing_minor),
  UNIQUE (run_id, currency, instructor_id)
);
CREATE INDEX settlement_batches_of_instructor ON settlement_batches (instructor_id, cutoff_at DESC, id DESC);
CREATE INDEX settlement_batches_order ON settlement_batches (cutoff_at DESC, id DESC);

CREATE TABLE statement_lines (
  batch_id text NOT NULL REFERENCES settlement_batches (id),
  number integer NOT NULL,
  kind text NOT NULL,
  -- Of the account: each movement of the book is in one statement at most.
  account text NOT NULL,
  currency text NOT NULL,
  journal_id text NOT NULL,
  sequence bigint NOT NULL,
  -- Which of the account's movements in that journal; 0 for lines that settlement itself decided.
  part integer NOT NULL,
  at timestamptz NOT NULL,
  description text NOT NULL,
  order_id text NOT NULL,
  course_title text NOT NULL,
  gross_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  share_minor bigint NOT NULL,
  amount_minor bigint NOT NULL,
  balance_minor bigint NOT NULL,
  CHECK (gross_minor = tax_minor + fee_minor + share_minor),
  PRIMARY KEY (batch_id, number)
);
CREATE UNIQUE INDEX statement_lines_each_movement_once ON statement_lines (account, currency, sequence, part) WHERE part > 0;

CREATE TABLE reserves (
  -- The settlement batch that held it.
  batch_id text PRIMARY KEY REFERENCES settlement_batches (id),
  instructor_id text NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  release_at timestamptz NOT NULL,
  released_by text REFERENCES settlement_batches (id)
);
CREATE INDEX reserves_held ON reserves (release_at) WHERE released_by IS NULL;

CREATE TABLE payout_batches (
  id text PRIMARY KEY,
  run_id text NOT NULL REFERENCES settlement_runs (id),
  number bigint GENERATED ALWAYS AS IDENTITY,
  status text NOT NULL CHECK (status IN ('created', 'approved', 'submitted', 'closed', 'rejected')),
  currency text NOT NULL,
  maker_id text NOT NULL,
  approver_id text NOT NULL DEFAULT '' CHECK (approver_id = '' OR approver_id <> maker_id),
  created_at timestamptz NOT NULL,
  approved_at timestamptz,
  submitted_at timestamptz,
  submissions integer NOT NULL DEFAULT 0
);
CREATE INDEX payout_batches_open ON payout_batches (number) WHERE status IN ('approved', 'submitted');

CREATE TABLE payouts (
  id text PRIMARY KEY,
  payout_batch_id text REFERENCES payout_batches (id),
  settlement_batch_id text NOT NULL UNIQUE REFERENCES settlement_batches (id),
  run_id text NOT NULL REFERENCES settlement_runs (id),
  instructor_id text NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  status text NOT NULL CHECK (status IN ('created', 'approved', 'submitted', 'paid', 'failed', 'returned')),
  reason text NOT NULL DEFAULT '',
  method text NOT NULL,
  masked_account text NOT NULL,
  -- Where it goes, sealed for this payout: a later change of the account does not move it.
  sealed_account text NOT NULL,
  bank_reference text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  paid_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX payouts_order ON payouts (created_at DESC, id DESC);
CREATE INDEX payouts_of_batch ON payouts (payout_batch_id);
CREATE INDEX payouts_of_instructor ON payouts (instructor_id, created_at DESC, id DESC);
CREATE INDEX payouts_of_run ON payouts (run_id) WHERE payout_batch_id IS NULL;

CREATE TABLE payout_files (
  payout_batch_id text NOT NULL REFERENCES payout_batches (id),
  format text NOT NULL,
  file_name text NOT NULL,
  sha256 text NOT NULL,
  size_bytes bigint NOT NULL,
  sealed_content text NOT NULL,
  PRIMARY KEY (payout_batch_id, format)
);

-- Journals to be booked by the ledger, in this order. Written together with what causes them.
CREATE TABLE payout_journals (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL,
  kind text NOT NULL,
  payout_id text NOT NULL,
  journal bytea NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'booked', 'rejected')),
  journal_id text NOT NULL DEFAULT '',
  sequence bigint NOT NULL DEFAULT 0,
  reason text NOT NULL DEFAULT '',
  UNIQUE (kind, id)
);
CREATE INDEX payout_journals_waiting ON payout_journals (position) WHERE state = 'waiting';
CREATE INDEX payout_journals_of_payout ON payout_journals (payout_id) WHERE state <> 'booked';

CREATE TABLE payout_accounts (
  instructor_id text NOT NULL,
  currency text NOT NULL,
  method text NOT NULL CHECK (method IN ('bank_in', 'upi', 'iban')),
  masked_account text NOT NULL,
  sealed_account text NOT NULL,
  changed_at timestamptz NOT NULL,
  payable_from timestamptz NOT NULL,
  PRIMARY KEY (instructor_id, currency)
);

CREATE TABLE payout_account_changes (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  instructor_id text NOT NULL,
  currency text NOT NULL,
  method text NOT NULL,
  masked_account text NOT NULL,
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL
);
CREATE INDEX payout_account_changes_of ON payout_account_changes (instructor_id, position DESC);

CREATE TABLE tax_profiles (
  instructor_id text PRIMARY KEY,
  sealed_pan text NOT NULL,
  masked_pan text NOT NULL,
  entity text NOT NULL,
  resident boolean NOT NULL,
  gstin text NOT NULL,
  changed_at timestamptz NOT NULL
);

-- When everybody is settled next without being asked, and how far the bank's outcomes were heard.
CREATE TABLE payout_progress (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  next_run_at timestamptz,
  outcomes_after text NOT NULL DEFAULT ''
);
INSERT INTO payout_progress DEFAULT VALUES;
