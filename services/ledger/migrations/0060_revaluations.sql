-- The valuation of account 1800 at the end of a period that one person proposes and another approves: an adjustment with
-- these instead of transfers. Its effective time is the last moment of the period.
CREATE TABLE adjustment_revaluations (
  adjustment_id text PRIMARY KEY REFERENCES adjustments (id),
  -- What account 1800 stood at in the adjustment's currency, debits less credits.
  own_minor bigint NOT NULL,
  difference_minor bigint NOT NULL CHECK (difference_minor <> 0)
);

CREATE TABLE adjustment_closing_rates (
  adjustment_id text NOT NULL REFERENCES adjustment_revaluations (adjustment_id),
  currency text NOT NULL,
  balance_minor bigint NOT NULL,
  -- As quoted: an exact decimal.
  rate text NOT NULL,
  source text NOT NULL,
  value_minor bigint NOT NULL,
  PRIMARY KEY (adjustment_id, currency)
);

-- Locked while a valuation of this time is decided.
CREATE TABLE revaluation_points (
  effective_at_us bigint NOT NULL,
  currency text NOT NULL,
  PRIMARY KEY (effective_at_us, currency)
);

CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON adjustment_revaluations FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON adjustment_closing_rates FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
