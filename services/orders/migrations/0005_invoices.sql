-- Who issues invoices; without a row the demonstration seller does.
CREATE TABLE seller (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  details jsonb NOT NULL,
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL
);

-- The last number given of each series. Its row is locked from giving a number to the commit, so a number that is given
-- is kept, and the next is the next.
CREATE TABLE invoice_series (
  entity text NOT NULL,
  series text NOT NULL,
  financial_year text NOT NULL,
  last integer NOT NULL CHECK (last BETWEEN 1 AND 999999),
  PRIMARY KEY (entity, series, financial_year)
);

CREATE TABLE invoices (
  id text PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
  entity text NOT NULL,
  series text NOT NULL,
  financial_year text NOT NULL,
  sequence integer NOT NULL,
  number text NOT NULL,
  order_id text NOT NULL,
  -- What it was issued for: the order, or the refund.
  subject text NOT NULL CONSTRAINT invoices_subject_unique UNIQUE,
  buyer_id text NOT NULL,
  issued_at timestamptz NOT NULL,
  contents jsonb NOT NULL,
  UNIQUE (entity, series, financial_year, sequence)
);
CREATE INDEX invoices_by_time ON invoices (issued_at DESC, id DESC);
CREATE INDEX invoices_by_buyer ON invoices (buyer_id, issued_at DESC, id DESC);
CREATE INDEX invoices_by_order ON invoices (order_id);

CREATE FUNCTION invoices_are_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'invoices are never changed' USING ERRCODE = '42501'; END $$;
CREATE TRIGGER invoices_are_kept BEFORE UPDATE OR DELETE ON invoices
  FOR EACH ROW EXECUTE FUNCTION invoices_are_kept();
CREATE TRIGGER invoices_are_not_truncated BEFORE TRUNCATE ON invoices
  FOR EACH STATEMENT EXECUTE FUNCTION invoices_are_kept();
