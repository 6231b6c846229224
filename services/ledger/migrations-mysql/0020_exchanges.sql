-- An exchange of currencies that one person proposes and another approves: an adjustment with these instead of transfers.
CREATE TABLE IF NOT EXISTS adjustment_exchanges (
  adjustment_id varchar(200) PRIMARY KEY,
  -- In the adjustment's currency.
  from_account varchar(200) NOT NULL,
  from_minor bigint NOT NULL CHECK (from_minor > 0),
  to_account varchar(200) NOT NULL,
  to_currency char(3) NOT NULL,
  to_minor bigint NOT NULL CHECK (to_minor > 0),
  -- As quoted: an exact decimal.
  rate varchar(40) NOT NULL,
  source varchar(200) NOT NULL,
  FOREIGN KEY (adjustment_id) REFERENCES adjustments (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TRIGGER IF NOT EXISTS adjustment_exchanges_no_update BEFORE UPDATE ON adjustment_exchanges FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on adjustment_exchanges is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS adjustment_exchanges_no_delete BEFORE DELETE ON adjustment_exchanges FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on adjustment_exchanges is refused: the book is only ever added to';
