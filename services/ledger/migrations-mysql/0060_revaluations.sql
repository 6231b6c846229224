-- The valuation of account 1800 at the end of a period that one person proposes and another approves: an adjustment with
-- these instead of transfers. Its effective time is the last moment of the period.
CREATE TABLE IF NOT EXISTS adjustment_revaluations (
  adjustment_id varchar(200) PRIMARY KEY,
  -- What account 1800 stood at in the adjustment's currency, debits less credits.
  own_minor bigint NOT NULL,
  difference_minor bigint NOT NULL CHECK (difference_minor <> 0),
  FOREIGN KEY (adjustment_id) REFERENCES adjustments (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS adjustment_closing_rates (
  adjustment_id varchar(200) NOT NULL,
  currency char(3) NOT NULL,
  balance_minor bigint NOT NULL,
  -- As quoted: an exact decimal.
  rate varchar(40) NOT NULL,
  source varchar(200) NOT NULL,
  value_minor bigint NOT NULL,
  PRIMARY KEY (adjustment_id, currency),
  FOREIGN KEY (adjustment_id) REFERENCES adjustment_revaluations (adjustment_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Locked while a valuation of this time is decided.
CREATE TABLE IF NOT EXISTS revaluation_points (
  effective_at_us bigint NOT NULL,
  currency char(3) NOT NULL,
  PRIMARY KEY (effective_at_us, currency)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TRIGGER IF NOT EXISTS adjustment_revaluations_no_update BEFORE UPDATE ON adjustment_revaluations FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on adjustment_revaluations is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS adjustment_revaluations_no_delete BEFORE DELETE ON adjustment_revaluations FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on adjustment_revaluations is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS adjustment_closing_rates_no_update BEFORE UPDATE ON adjustment_closing_rates FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'UPDATE on adjustment_closing_rates is refused: the book is only ever added to';
CREATE TRIGGER IF NOT EXISTS adjustment_closing_rates_no_delete BEFORE DELETE ON adjustment_closing_rates FOR EACH ROW
  SIGNAL SQLSTATE '42501' SET MESSAGE_TEXT = 'DELETE on adjustment_closing_rates is refused: the book is only ever added to';
