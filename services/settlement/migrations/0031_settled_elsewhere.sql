-- A line whose money was paid in one currency and settled in another: `currency` and `amount_minor` stay what was paid, as
-- it is expected and matched; these are what came of it. Its fee is in the currency that it was settled in.
ALTER TABLE file_lines
  ADD COLUMN settled_currency text NOT NULL DEFAULT '',
  ADD COLUMN settled_minor bigint NOT NULL DEFAULT 0,
  -- Units of the settled currency for one of the paid, as quoted; worked out from the amounts where nobody quoted one.
  ADD COLUMN exchange_rate text NOT NULL DEFAULT '',
  ADD COLUMN exchange_source text NOT NULL DEFAULT '',
  -- Whose exchange it is, from its match on; '' when it is nobody's or several payments'.
  ADD COLUMN payment_id text NOT NULL DEFAULT '',
  ADD CHECK ((settled_currency = '') = (exchange_rate = '')),
  ADD CHECK (settled_currency <> currency);
CREATE INDEX file_lines_exchanged ON file_lines (payment_id, currency, settled_currency) WHERE payment_id <> '';
CREATE INDEX file_lines_settled_elsewhere ON file_lines (currency, value_date) WHERE settled_currency <> '';

ALTER TABLE expectations ADD COLUMN payment_id text NOT NULL DEFAULT '';
UPDATE expectations SET payment_id = CASE kind
    WHEN 'payment' THEN refs[1]
    WHEN 'late_payment' THEN refs[1]
    WHEN 'late_payment_return' THEN refs[1]
    ELSE coalesce(refs[2], '') END
  WHERE side = 'provider' AND cardinality(refs) > 0;

-- What the exchanges of a payment have gained (below zero: lost) so far, as it was booked.
CREATE TABLE exchange_results (
  payment_id text NOT NULL,
  currency text NOT NULL,
  settled_currency text NOT NULL,
  realised_minor bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (payment_id, currency, settled_currency)
);

-- Of an exchange: what is bought for it. Its own currency and amount are what is sold.
ALTER TABLE bookings
  ADD COLUMN to_currency text NOT NULL DEFAULT '',
  ADD COLUMN to_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN rate text NOT NULL DEFAULT '',
  ADD COLUMN source text NOT NULL DEFAULT '';
