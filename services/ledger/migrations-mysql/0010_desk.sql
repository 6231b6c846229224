-- What finance decides: periods that are sealed, and adjustments that two people make.

-- A sealed period holds everything that happened before its end. Nothing with an effective time before the last end is
-- booked any more, so its balances stay what they are and later ones are added up from them.
CREATE TABLE IF NOT EXISTS periods (
  number bigint PRIMARY KEY,
  from_us bigint NOT NULL,
  until_us bigint NOT NULL,
  sealed_at_us bigint NOT NULL,
  sealed_by varchar(200) NOT NULL,
  note text NOT NULL,
  -- Where the book stood when it was sealed, and the head of the hash chain there.
  journal_sequence bigint NOT NULL,
  batch_sequence bigint NOT NULL,
  hash binary(32) NOT NULL,
  UNIQUE KEY periods_until (until_us),
  CHECK (until_us > from_us)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What each account added up to over all that happened before the period's end.
CREATE TABLE IF NOT EXISTS period_balances (
  period_number bigint NOT NULL,
  account_id bigint NOT NULL,
  debit_minor bigint NOT NULL CHECK (debit_minor >= 0),
  credit_minor bigint NOT NULL CHECK (credit_minor >= 0),
  PRIMARY KEY (period_number, account_id),
  FOREIGN KEY (period_number) REFERENCES periods (number),
  FOREIGN KEY (account_id) REFERENCES accounts (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A correcting journal that one person proposes and another approves.
CREATE TABLE IF NOT EXISTS adjustments (
  id varchar(200) PRIMARY KEY,
  status varchar(20) NOT NULL CHECK (status IN ('proposed', 'booked', 'rejected')),
  currency char(3) NOT NULL,
  reference varchar(500) NOT NULL,
  reason text NOT NULL,
  -- Null: when it is booked.
  effective_at_us bigint,
  -- Of a reversal; '' for an adjustment with transfers of its own.
  reverses_journal_id varchar(100) NOT NULL,
  proposed_by varchar(200) NOT NULL,
  proposed_at_us bigint NOT NULL,
  decided_by varchar(200) NOT NULL DEFAULT '',
  decided_at_us bigint,
  decision_note text NOT NULL DEFAULT (''),
  journal_id varchar(100) NOT NULL DEFAULT '',
  journal_sequence bigint,
  KEY adjustments_status (status, id),
  CHECK (status <> 'booked' OR decided_by <> proposed_by),
  CHECK ((status = 'proposed') = (decided_at_us IS NULL)),
  CHECK ((status = 'booked') = (journal_sequence IS NOT NULL))
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS adjustment_transfers (
  adjustment_id varchar(200) NOT NULL,
  position int NOT NULL,
  debit varchar(200) NOT NULL,
  credit varchar(200) NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  PRIMARY KEY (adjustment_id, position),
  FOREIGN KEY (adjustment_id) REFERENCES adjustments (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TRIGGER IF NOT EXISTS periods_no_update BEFORE UPDATE ON periods FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on periods is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS periods_no_delete BEFORE DELETE ON periods FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on periods is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS period_balances_no_update BEFORE UPDATE ON period_balances FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on period_balances is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS period_balances_no_delete BEFORE DELETE ON period_balances FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on period_balances is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS adjustment_transfers_no_update BEFORE UPDATE ON adjustment_transfers FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on adjustment_transfers is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS adjustment_transfers_no_delete BEFORE DELETE ON adjustment_transfers FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on adjustment_transfers is refused: the book is only ever added to';
