-- The sandbox bank keeps books of its own, as another company would.
CREATE SCHEMA sandbox_bank;

CREATE TABLE sandbox_bank.instructions (
  -- The customer's end-to-end id: each is executed once.
  end_to_end_id text PRIMARY KEY,
  bank_reference text NOT NULL UNIQUE,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  counterparty text NOT NULL,
  plan text NOT NULL CHECK (plan IN ('pay', 'reject', 'return')),
  status text NOT NULL CHECK (status IN ('pending', 'paid', 'rejected', 'returned')),
  next_at timestamptz
);
CREATE INDEX instructions_due ON sandbox_bank.instructions (next_at) WHERE next_at IS NOT NULL;

-- What became of instructions, in this order. Written under the lock of sandbox_bank.desk, so positions are in commit order.
CREATE TABLE sandbox_bank.outcomes (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  end_to_end_id text NOT NULL REFERENCES sandbox_bank.instructions (end_to_end_id),
  status text NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL,
  UNIQUE (end_to_end_id, status)
);

CREATE TABLE sandbox_bank.entries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  currency text NOT NULL,
  booked_at timestamptz NOT NULL,
  -- provider_settlement, payout, payout_return.
  kind text NOT NULL,
  -- Above zero for what comes in.
  amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
  bank_reference text NOT NULL,
  end_to_end_id text NOT NULL,
  counterparty text NOT NULL,
  information text NOT NULL,
  statement_id bigint,
  UNIQUE (kind, currency, end_to_end_id)
);
CREATE INDEX entries_unstated ON sandbox_bank.entries (currency, booked_at, id) WHERE statement_id IS NULL;

CREATE TABLE sandbox_bank.statements (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  currency text NOT NULL,
  sequence integer NOT NULL,
  business_date date NOT NULL,
  opening_minor bigint NOT NULL,
  closing_minor bigint NOT NULL,
  made_at timestamptz NOT NULL,
  UNIQUE (currency, sequence)
);

-- One row that is locked by whoever works at the bank; and how far the bank has read what the provider sends it.
CREATE TABLE sandbox_bank.desk (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  after_report_id text NOT NULL DEFAULT '',
  -- Statements are made for all days before this one.
  stated_until date
);
INSERT INTO sandbox_bank.desk DEFAULT VALUES;
