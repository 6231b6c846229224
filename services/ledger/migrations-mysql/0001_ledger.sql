-- The book in MariaDB 10.11 and MySQL 8: the same tables as migrations/, in what the two engines have in common. Each
-- statement may run twice (DDL commits by itself), so all say IF NOT EXISTS. Text is compared by its bytes (utf8mb4_bin).

-- One row: who may write, and where the book stands. Taking its lock makes a transaction the writer.
CREATE TABLE IF NOT EXISTS ledger_writer (
  shard int PRIMARY KEY,
  epoch bigint NOT NULL,
  batch_sequence bigint NOT NULL,
  journal_sequence bigint NOT NULL,
  -- Microseconds since 1970, as everywhere here: exact in every engine.
  recorded_at_us bigint NOT NULL,
  hash binary(32) NOT NULL,
  -- Nothing with an effective time before this is booked into its own time any more.
  sealed_until_us bigint NOT NULL DEFAULT 0
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO ledger_writer (shard, epoch, batch_sequence, journal_sequence, recorded_at_us, hash)
VALUES (0, 1, 0, 0, 0, UNHEX(REPEAT('00', 32)));

CREATE TABLE IF NOT EXISTS accounts (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  code varchar(200) NOT NULL,
  currency char(3) NOT NULL CHECK (currency REGEXP '^[A-Z]{3}$'),
  name varchar(500) NOT NULL,
  type varchar(20) NOT NULL CHECK (type IN ('asset', 'liability', 'revenue', 'expense')),
  normal_side varchar(10) NOT NULL CHECK (normal_side IN ('debit', 'credit')),
  UNIQUE KEY accounts_code_currency (code, currency),
  UNIQUE KEY accounts_id_currency (id, currency)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What each account adds up to now; always the sum of its transfers. net is debit - credit. Holds count on the side where
-- they would take: below net_min nothing may be credited, above net_max nothing debited.
CREATE TABLE IF NOT EXISTS account_totals (
  account_id bigint PRIMARY KEY,
  debit_minor bigint NOT NULL CHECK (debit_minor >= 0),
  credit_minor bigint NOT NULL CHECK (credit_minor >= 0),
  pending_debit_minor bigint NOT NULL DEFAULT 0 CHECK (pending_debit_minor >= 0),
  pending_credit_minor bigint NOT NULL DEFAULT 0 CHECK (pending_credit_minor >= 0),
  net_min_minor bigint,
  net_max_minor bigint,
  status varchar(10) NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'frozen', 'closed')),
  -- The balance monitors of the account and whether each is beyond its threshold now, as JSON.
  monitors text NOT NULL DEFAULT ('[]'),
  CONSTRAINT not_below_limit CHECK
    (net_min_minor IS NULL OR debit_minor - credit_minor - pending_credit_minor >= net_min_minor),
  CONSTRAINT not_above_limit CHECK
    (net_max_minor IS NULL OR debit_minor - credit_minor + pending_debit_minor <= net_max_minor),
  FOREIGN KEY (account_id) REFERENCES accounts (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row for each commit of the writer; the hash covers the hash before it.
CREATE TABLE IF NOT EXISTS batches (
  sequence bigint PRIMARY KEY,
  epoch bigint NOT NULL,
  recorded_at_us bigint NOT NULL,
  first_journal bigint NOT NULL,
  last_journal bigint NOT NULL,
  hash binary(32) NOT NULL,
  -- How the bytes of the batch are put together for its hash.
  format int NOT NULL DEFAULT 1,
  UNIQUE KEY batches_recorded (recorded_at_us),
  -- A batch of refused commands only has no journals: then last_journal is first_journal - 1.
  CONSTRAINT batches_check CHECK (last_journal >= first_journal - 1)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS journals (
  sequence bigint PRIMARY KEY,
  id varchar(100) NOT NULL,
  batch_sequence bigint NOT NULL,
  kind varchar(64) NOT NULL,
  cause varchar(500) NOT NULL,
  reference varchar(500) NOT NULL,
  description text NOT NULL,
  currency char(3) NOT NULL,
  effective_at_us bigint NOT NULL,
  recorded_at_us bigint NOT NULL,
  template varchar(100) NOT NULL DEFAULT '',
  details mediumtext NOT NULL DEFAULT (''),
  -- The journal whose hold this one resolves (a hold is resolved once), and the journal that this one reverses.
  resolves_sequence bigint,
  reverses_sequence bigint,
  UNIQUE KEY journals_id (id),
  -- One journal for each fact, whoever tells it and however often.
  UNIQUE KEY journals_cause_kind (cause, kind),
  UNIQUE KEY journals_resolves (resolves_sequence),
  KEY journals_reverses (reverses_sequence),
  KEY journals_reference (reference, sequence),
  KEY journals_recorded (recorded_at_us, sequence),
  KEY journals_effective (effective_at_us, sequence),
  KEY journals_batch (batch_sequence),
  FOREIGN KEY (batch_sequence) REFERENCES batches (sequence)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS transfers (
  journal_sequence bigint NOT NULL,
  position int NOT NULL,
  debit_account_id bigint NOT NULL,
  credit_account_id bigint NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency char(3) NOT NULL,
  PRIMARY KEY (journal_sequence, position),
  KEY transfers_debit (debit_account_id, journal_sequence),
  KEY transfers_credit (credit_account_id, journal_sequence),
  CHECK (debit_account_id <> credit_account_id),
  FOREIGN KEY (journal_sequence) REFERENCES journals (sequence),
  -- The account's currency is the transfer's, on both sides.
  FOREIGN KEY (debit_account_id, currency) REFERENCES accounts (id, currency),
  FOREIGN KEY (credit_account_id, currency) REFERENCES accounts (id, currency)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Amounts that are held and have not moved. What becomes of a hold is the journal with resolves_sequence.
CREATE TABLE IF NOT EXISTS holds (
  journal_sequence bigint NOT NULL,
  position int NOT NULL,
  debit_account_id bigint NOT NULL,
  credit_account_id bigint NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency char(3) NOT NULL,
  -- From this time of the book on it can only expire; 0 never.
  expires_at_us bigint NOT NULL,
  PRIMARY KEY (journal_sequence, position),
  CHECK (debit_account_id <> credit_account_id),
  FOREIGN KEY (journal_sequence) REFERENCES journals (sequence),
  -- The account's currency is the transfer's, on both sides.
  FOREIGN KEY (debit_account_id, currency) REFERENCES accounts (id, currency),
  FOREIGN KEY (credit_account_id, currency) REFERENCES accounts (id, currency)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The holds that are not resolved yet: a queue for the writer, by when they expire.
CREATE TABLE IF NOT EXISTS open_holds (
  journal_sequence bigint PRIMARY KEY,
  expires_at_us bigint NOT NULL,
  KEY open_holds_expires (expires_at_us),
  FOREIGN KEY (journal_sequence) REFERENCES journals (sequence)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Commands that were refused for what they asked. They are in the hash of their batch. A final one keeps its answer for
-- ever; a fact (an event) that could not be booked is not final and may be told again.
CREATE TABLE IF NOT EXISTS rejections (
  batch_sequence bigint NOT NULL,
  position int NOT NULL,
  kind varchar(64) NOT NULL,
  cause varchar(500) NOT NULL,
  reference varchar(500) NOT NULL,
  reason varchar(100) NOT NULL,
  detail text NOT NULL,
  -- The command's contents as sorted JSON, to name what differs when its id comes again.
  request mediumtext NOT NULL,
  is_final boolean NOT NULL,
  PRIMARY KEY (batch_sequence, position),
  KEY rejections_cause (cause, kind),
  FOREIGN KEY (batch_sequence) REFERENCES batches (sequence)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The totals as they were after a journal, so that a past balance costs the same however old the book is.
CREATE TABLE IF NOT EXISTS total_snapshots (
  journal_sequence bigint NOT NULL,
  account_id bigint NOT NULL,
  debit_minor bigint NOT NULL,
  credit_minor bigint NOT NULL,
  PRIMARY KEY (journal_sequence, account_id),
  FOREIGN KEY (account_id) REFERENCES accounts (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Each sold line with what it was split into and what of it went back: a refund is split against it, and it is the
-- instructor's list of earnings.
CREATE TABLE IF NOT EXISTS sold_lines (
  line_id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  course_id varchar(200) NOT NULL,
  course_title text NOT NULL,
  instructor_id varchar(200) NOT NULL,
  currency char(3) NOT NULL,
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
  -- The parts of a line's tax and what of each went back, as JSON; empty: all of it is one, on 2100.
  taxes text NOT NULL DEFAULT (''),
  KEY sold_lines_instructor (instructor_id, sold_by, line_id),
  CHECK (net_minor + tax_minor = gross_minor),
  CHECK (fee_minor + share_minor = net_minor),
  CHECK (refunded_fee_minor + refunded_share_minor = refunded_net_minor),
  CHECK (refunded_net_minor BETWEEN 0 AND net_minor),
  CHECK (refunded_tax_minor BETWEEN 0 AND tax_minor),
  CHECK (refunded_fee_minor BETWEEN 0 AND fee_minor),
  CHECK (refunded_share_minor BETWEEN 0 AND share_minor)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What is in the book stays: a mistake is mended by a journal the other way round. TRUNCATE passes triggers by; the grants of
-- store-mysql-grants.ts keep it from the writer.
CREATE TRIGGER IF NOT EXISTS batches_no_update BEFORE UPDATE ON batches FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on batches is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS batches_no_delete BEFORE DELETE ON batches FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on batches is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS journals_no_update BEFORE UPDATE ON journals FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on journals is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS journals_no_delete BEFORE DELETE ON journals FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on journals is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS transfers_no_update BEFORE UPDATE ON transfers FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on transfers is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS transfers_no_delete BEFORE DELETE ON transfers FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on transfers is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS holds_no_update BEFORE UPDATE ON holds FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on holds is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS holds_no_delete BEFORE DELETE ON holds FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on holds is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS rejections_no_update BEFORE UPDATE ON rejections FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on rejections is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS rejections_no_delete BEFORE DELETE ON rejections FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on rejections is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS total_snapshots_no_update BEFORE UPDATE ON total_snapshots FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on total_snapshots is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS total_snapshots_no_delete BEFORE DELETE ON total_snapshots FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on total_snapshots is refused: the book is only ever added to';
