-- A run of one instructor's account in one currency, at their own wish; empty: of everybody.
ALTER TABLE settlement_runs
  ADD COLUMN only_instructor_id text NOT NULL DEFAULT '',
  ADD COLUMN only_currency text NOT NULL DEFAULT '',
  ADD CHECK ((only_instructor_id = '') = (only_currency = ''));
CREATE INDEX settlement_runs_of_one ON settlement_runs (only_instructor_id, only_currency, created_at)
  WHERE only_instructor_id <> '';
