-- What the writer keeps beside journals: holds, refused commands, limits and states of accounts, links between journals.

-- Nothing with an effective time before this is booked into its own time any more.
ALTER TABLE ledger_writer ADD COLUMN sealed_until_us bigint NOT NULL DEFAULT 0;

-- How the bytes of the batch are put together for its hash; 1 is what the first release wrote.
ALTER TABLE batches ADD COLUMN format int NOT NULL DEFAULT 1;
-- A batch of refused commands only has no journals: then last_journal is first_journal - 1.
ALTER TABLE batches DROP CONSTRAINT batches_check;
ALTER TABLE batches ADD CONSTRAINT batches_check CHECK (last_journal >= first_journal - 1);

-- template: the kind's template and its version, e.g. order_paid@2. details: what else the journal says (rate and source of
-- an exchange, the amounts an up-to transfer came to, a new limit), as JSON with sorted names; empty when nothing.
ALTER TABLE journals ADD COLUMN template text NOT NULL DEFAULT '';
ALTER TABLE journals ADD COLUMN details text NOT NULL DEFAULT '';
-- The journal whose hold this one resolves (a hold is resolved once), and the journal that this one reverses.
ALTER TABLE journals ADD COLUMN resolves_sequence bigint UNIQUE;
ALTER TABLE journals ADD COLUMN reverses_sequence bigint;
CREATE INDEX journals_reverses ON journals (reverses_sequence) WHERE reverses_sequence IS NOT NULL;

-- The same promise as UNIQUE (kind, cause), in the order in which a journal is looked up by its command's id alone.
ALTER TABLE journals DROP CONSTRAINT journals_kind_cause_key;
ALTER TABLE journals ADD CONSTRAINT journals_cause_kind_key UNIQUE (cause, kind);

-- Cheaper to write, as good to read: sequence, batch and recorded time grow together.
DROP INDEX journals_recorded;
DROP INDEX journals_batch;
CREATE INDEX journals_recorded ON journals USING brin (recorded_at_us);
CREATE INDEX journals_batch ON journals USING brin (batch_sequence);
DROP INDEX transfers_debit;
DROP INDEX transfers_credit;
CREATE INDEX transfers_debit ON transfers (debit_account_id, journal_sequence);
CREATE INDEX transfers_credit ON transfers (credit_account_id, journal_sequence);

-- Amounts that are held and have not moved. What becomes of a hold is the journal with resolves_sequence.
CREATE TABLE holds (
  journal_sequence bigint NOT NULL REFERENCES journals (sequence),
  position int NOT NULL,
  debit_account_id bigint NOT NULL,
  credit_account_id bigint NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency text NOT NULL,
  -- From this time of the book on it can only expire; 0 never.
  expires_at_us bigint NOT NULL,
  PRIMARY KEY (journal_sequence, position),
  CHECK (debit_account_id <> credit_account_id),
  FOREIGN KEY (debit_account_id, currency) REFERENCES accounts (id, currency),
  FOREIGN KEY (credit_account_id, currency) REFERENCES accounts (id, currency)
);

-- The holds that are not resolved yet: a queue for the writer, by when they expire.
CREATE TABLE open_holds (
  journal_sequence bigint PRIMARY KEY REFERENCES journals (sequence),
  expires_at_us bigint NOT NULL
);
CREATE INDEX open_holds_expires ON open_holds (expires_at_us) WHERE expires_at_us > 0;

-- Commands that were refused for what they asked. They are in the hash of their batch. A final one keeps its answer for
-- ever; a fact (an event) that could not be booked is not final and may be told again.
CREATE TABLE rejections (
  batch_sequence bigint NOT NULL REFERENCES batches (sequence),
  position int NOT NULL,
  kind text NOT NULL,
  cause text NOT NULL,
  reference text NOT NULL,
  reason text NOT NULL,
  detail text NOT NULL,
  -- The command's contents as sorted JSON, to name what differs when its id comes again.
  request text NOT NULL,
  is_final boolean NOT NULL,
  PRIMARY KEY (batch_sequence, position)
);
CREATE INDEX rejections_cause ON rejections (cause, kind);

-- net is debit - credit. Holds count on the side where they would take: below net_min nothing may be credited, above
-- net_max nothing debited. A floor of an account that stands on the credit side is the negative of its net_max.
ALTER TABLE account_totals
  ADD COLUMN pending_debit_minor bigint NOT NULL DEFAULT 0 CHECK (pending_debit_minor >= 0),
  ADD COLUMN pending_credit_minor bigint NOT NULL DEFAULT 0 CHECK (pending_credit_minor >= 0),
  ADD COLUMN net_min_minor bigint,
  ADD COLUMN net_max_minor bigint,
  ADD COLUMN status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'frozen', 'closed')),
  -- The balance monitors of the account and whether each is beyond its threshold now, as JSON.
  ADD COLUMN monitors text NOT NULL DEFAULT '[]',
  ADD CONSTRAINT not_below_limit CHECK (net_min_minor IS NULL OR debit_minor - credit_minor - pending_credit_minor >= net_min_minor),
  ADD CONSTRAINT not_above_limit CHECK (net_max_minor IS NULL OR debit_minor - credit_minor + pending_debit_minor <= net_max_minor);

-- The parts of a line's tax and what of each went back, as JSON; empty: all of it is one, on 2100.
ALTER TABLE sold_lines ADD COLUMN taxes text NOT NULL DEFAULT '';

CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON holds FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON rejections FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
