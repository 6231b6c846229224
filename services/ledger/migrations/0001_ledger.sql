-- The book. Transfers and journals are only ever added: see the triggers at the end.

-- One row: who may write, and where the book stands. Taking its lock makes a transaction the writer.
CREATE TABLE ledger_writer (
  shard int PRIMARY KEY,
  epoch bigint NOT NULL,
  batch_sequence bigint NOT NULL,
  journal_sequence bigint NOT NULL,
  -- Microseconds since 1970, as everywhere here: exact in every engine.
  recorded_at_us bigint NOT NULL,
  hash bytea NOT NULL
);
INSERT INTO ledger_writer VALUES (0, 1, 0, 0, 0, decode(repeat('00', 32), 'hex'));

CREATE TABLE accounts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  name text NOT NULL,
  type text NOT NULL CHECK (type IN ('asset', 'liability', 'revenue', 'expense')),
  normal_side text NOT NULL CHECK (normal_side IN ('debit', 'credit')),
  UNIQUE (code, currency),
  UNIQUE (id, currency)
);

-- What each account adds up to now; always the sum of its transfers.
CREATE TABLE account_totals (
  account_id bigint PRIMARY KEY REFERENCES accounts (id),
  debit_minor bigint NOT NULL CHECK (debit_minor >= 0),
  credit_minor bigint NOT NULL CHECK (credit_minor >= 0)
);

-- One row for each commit of the writer; the hash covers the hash before it.
CREATE TABLE batches (
  sequence bigint PRIMARY KEY,
  epoch bigint NOT NULL,
  recorded_at_us bigint NOT NULL UNIQUE,
  first_journal bigint NOT NULL,
  last_journal bigint NOT NULL CHECK (last_journal >= first_journal),
  hash bytea NOT NULL
);

CREATE TABLE journals (
  sequence bigint PRIMARY KEY,
  id text NOT NULL UNIQUE,
  batch_sequence bigint NOT NULL REFERENCES batches (sequence),
  kind text NOT NULL,
  cause text NOT NULL,
  reference text NOT NULL,
  description text NOT NULL,
  currency text NOT NULL,
  effective_at_us bigint NOT NULL,
  recorded_at_us bigint NOT NULL,
  -- One journal for each fact, whoever tells it and however often.
  UNIQUE (kind, cause)
);
CREATE INDEX journals_reference ON journals (reference, sequence DESC);
CREATE INDEX journals_recorded ON journals (recorded_at_us, sequence);
CREATE INDEX journals_batch ON journals (batch_sequence);

CREATE TABLE transfers (
  journal_sequence bigint NOT NULL REFERENCES journals (sequence),
  position int NOT NULL,
  debit_account_id bigint NOT NULL,
  credit_account_id bigint NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency text NOT NULL,
  PRIMARY KEY (journal_sequence, position),
  CHECK (debit_account_id <> credit_account_id),
  -- The account's currency is the transfer's, on both sides.
  FOREIGN KEY (debit_account_id, currency) REFERENCES accounts (id, currency),
  FOREIGN KEY (credit_account_id, currency) REFERENCES accounts (id, currency)
);
CREATE INDEX transfers_debit ON transfers (debit_account_id, journal_sequence DESC);
CREATE INDEX transfers_credit ON transfers (credit_account_id, journal_sequence DESC);

-- The totals as they were after a journal, so that a past balance costs the same however old the book is.
CREATE TABLE total_snapshots (
  journal_sequence bigint NOT NULL,
  account_id bigint NOT NULL REFERENCES accounts (id),
  debit_minor bigint NOT NULL,
  credit_minor bigint NOT NULL,
  PRIMARY KEY (journal_sequence, account_id)
);

-- Each sold line with what it was split into and what of it went back: a refund is split against it, and it is the
-- instructor's list of earnings.
CREATE TABLE sold_lines (
  line_id text PRIMARY KEY,
  order_id text NOT NULL,
  course_id text NOT NULL,
  course_title text NOT NULL,
  instructor_id text NOT NULL,
  currency text NOT NULL,
  sold_by bigint NOT NULL,
  sold_at_us bigint NOT NULL,
  gross_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  net_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  share_minor bigint NOT NULL,
  refunded_tax_minor bigint NOT NULL,
  refunded_net_minor bigint NOT NULL,
  refunded_fee_minor bigint NOT NULL,
  refunded_share_minor bigint NOT NULL,
  CHECK (net_minor + tax_minor = gross_minor),
  CHECK (fee_minor + share_minor = net_minor),
  CHECK (refunded_fee_minor + refunded_share_minor = refunded_net_minor),
  CHECK (refunded_net_minor BETWEEN 0 AND net_minor),
  CHECK (refunded_tax_minor BETWEEN 0 AND tax_minor),
  CHECK (refunded_fee_minor BETWEEN 0 AND fee_minor),
  CHECK (refunded_share_minor BETWEEN 0 AND share_minor)
);
CREATE INDEX sold_lines_instructor ON sold_lines (instructor_id, sold_by DESC, line_id DESC);

-- What is in the book stays: a mistake is mended by a journal the other way round.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: the book is only ever added to', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON batches FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON journals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON total_snapshots FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
