-- What finance decides: periods that are sealed, and adjustments that two people make.

-- The lines of an order together, as the integrity check reads them.
CREATE INDEX sold_lines_order ON sold_lines (order_id, line_id);

-- A sealed period holds everything that happened before its end. Nothing with an effective time before the last end is
-- booked any more, so its balances stay what they are and later ones are added up from them.
CREATE TABLE periods (
  number bigint PRIMARY KEY,
  from_us bigint NOT NULL,
  until_us bigint NOT NULL UNIQUE,
  sealed_at_us bigint NOT NULL,
  sealed_by text NOT NULL,
  note text NOT NULL,
  -- Where the book stood when it was sealed, and the head of the hash chain there.
  journal_sequence bigint NOT NULL,
  batch_sequence bigint NOT NULL,
  hash bytea NOT NULL,
  CHECK (until_us > from_us)
);

-- What each account added up to over all that happened before the period's end.
CREATE TABLE period_balances (
  period_number bigint NOT NULL REFERENCES periods (number),
  account_id bigint NOT NULL REFERENCES accounts (id),
  debit_minor bigint NOT NULL CHECK (debit_minor >= 0),
  credit_minor bigint NOT NULL CHECK (credit_minor >= 0),
  PRIMARY KEY (period_number, account_id)
);

-- A correcting journal that one person proposes and another approves.
CREATE TABLE adjustments (
  id text PRIMARY KEY,
  status text NOT NULL CHECK (status IN ('proposed', 'booked', 'rejected')),
  currency text NOT NULL,
  reference text NOT NULL,
  reason text NOT NULL,
  -- Null: when it is booked.
  effective_at_us bigint,
  -- Of a reversal; '' for an adjustment with transfers of its own.
  reverses_journal_id text NOT NULL,
  proposed_by text NOT NULL,
  proposed_at_us bigint NOT NULL,
  decided_by text NOT NULL DEFAULT '',
  decided_at_us bigint,
  decision_note text NOT NULL DEFAULT '',
  journal_id text NOT NULL DEFAULT '',
  journal_sequence bigint,
  CHECK (status <> 'booked' OR decided_by <> proposed_by),
  CHECK ((status = 'proposed') = (decided_at_us IS NULL)),
  CHECK ((status = 'booked') = (journal_sequence IS NOT NULL))
);
CREATE INDEX adjustments_status ON adjustments (status, id DESC);

CREATE TABLE adjustment_transfers (
  adjustment_id text NOT NULL REFERENCES adjustments (id),
  position int NOT NULL,
  debit text NOT NULL,
  credit text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  PRIMARY KEY (adjustment_id, position)
);

CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON periods FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON period_balances FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON adjustment_transfers FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
