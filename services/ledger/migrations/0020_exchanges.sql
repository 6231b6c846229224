-- An exchange of currencies that one person proposes and another approves: an adjustment with these instead of transfers.
CREATE TABLE adjustment_exchanges (
  adjustment_id text PRIMARY KEY REFERENCES adjustments (id),
  -- In the adjustment's currency.
  from_account text NOT NULL,
  from_minor bigint NOT NULL CHECK (from_minor > 0),
  to_account text NOT NULL,
  to_currency text NOT NULL,
  to_minor bigint NOT NULL CHECK (to_minor > 0),
  -- As quoted: an exact decimal.
  rate text NOT NULL,
  source text NOT NULL
);
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON adjustment_exchanges FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
