-- Files as they came, in parts, so that no process needs its own disk to take up the work of another.
CREATE TABLE settlement_files (
  id text PRIMARY KEY,
  format text NOT NULL,
  source text NOT NULL CHECK (source IN ('upload', 'provider', 'bank')),
  file_name text NOT NULL,
  sha256 text NOT NULL DEFAULT '',
  size_bytes bigint NOT NULL DEFAULT 0,
  status text NOT NULL CHECK (status IN ('receiving', 'pending', 'processing', 'processed', 'failed', 'discarded')),
  reason text NOT NULL DEFAULT '',
  reason_line bigint NOT NULL DEFAULT 0,
  reason_detail text NOT NULL DEFAULT '',
  uploaded_by text NOT NULL,
  simulated boolean NOT NULL,
  -- The checkpoint: lines stored, the last line matched, and the hash over everything done so far.
  lines_stored bigint NOT NULL DEFAULT 0,
  lines_total bigint NOT NULL DEFAULT 0,
  matched_until jsonb,
  chain text NOT NULL DEFAULT '',
  output_sha256 text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  processed_at timestamptz
);
-- The same bytes once; a file that failed or was set aside may come again.
CREATE UNIQUE INDEX settlement_files_once ON settlement_files (sha256) WHERE status IN ('pending', 'processing', 'processed');
CREATE INDEX settlement_files_newest ON settlement_files (created_at DESC, id DESC);
CREATE INDEX settlement_files_waiting ON settlement_files (created_at, id) WHERE status IN ('receiving', 'pending', 'processing');

CREATE TABLE settlement_file_parts (
  file_id text NOT NULL REFERENCES settlement_files (id),
  number integer NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (file_id, number)
);

-- How far reports of payments and statements of the bank were taken in.
CREATE TABLE settlement_pulls (
  origin text PRIMARY KEY,
  taken_until text NOT NULL
);

CREATE TABLE file_statements (
  file_id text NOT NULL REFERENCES settlement_files (id),
  number integer NOT NULL,
  side text NOT NULL CHECK (side IN ('bank', 'provider')),
  account text NOT NULL,
  currency text NOT NULL,
  reference text NOT NULL,
  sequence bigint NOT NULL,
  page bigint NOT NULL,
  opening_minor bigint NOT NULL,
  closing_minor bigint NOT NULL,
  lines bigint NOT NULL,
  date date NOT NULL,
  PRIMARY KEY (file_id, number)
);

CREATE TABLE account_positions (
  account_key text PRIMARY KEY,
  sequence bigint NOT NULL,
  page bigint NOT NULL,
  is_last_page boolean NOT NULL,
  closing_minor bigint NOT NULL,
  date date NOT NULL
);

CREATE TABLE breaks (
  id text PRIMARY KEY,
  type text NOT NULL CHECK (type IN ('missing_here', 'missing_there', 'amount', 'currency', 'duplicate', 'late', 'fee')),
  status text NOT NULL CHECK (status IN ('open', 'write_off_requested', 'written_off', 'matched')),
  side text NOT NULL CHECK (side IN ('bank', 'provider')),
  owner_id text NOT NULL DEFAULT '',
  write_off_requested_by text NOT NULL DEFAULT '',
  write_off_approved_by text NOT NULL DEFAULT '',
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  -- Nobody approves what they asked for, whatever the code above does.
  CHECK (write_off_approved_by = '' OR write_off_approved_by <> write_off_requested_by)
);
CREATE INDEX breaks_newest ON breaks (opened_at DESC, id DESC);
CREATE INDEX breaks_open ON breaks (status, type, opened_at) WHERE closed_at IS NULL;

CREATE TABLE break_events (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  break_id text NOT NULL REFERENCES breaks (id),
  at timestamptz NOT NULL,
  what text NOT NULL,
  actor text NOT NULL,
  note text NOT NULL
);
CREATE INDEX break_events_of ON break_events (break_id, number);

CREATE TABLE matches (
  id text PRIMARY KEY,
  rule_id text NOT NULL,
  side text NOT NULL CHECK (side IN ('bank', 'provider')),
  currency text NOT NULL,
  difference_minor bigint NOT NULL,
  actor text NOT NULL,
  note text NOT NULL,
  matched_at timestamptz NOT NULL
);

-- A line is in one match or in one break, never in both; in neither only while its file is processed.
CREATE TABLE file_lines (
  arrival bigint GENERATED ALWAYS AS IDENTITY,
  id text PRIMARY KEY,
  file_id text NOT NULL REFERENCES settlement_files (id),
  ordinal bigint NOT NULL,
  line_number bigint NOT NULL,
  side text NOT NULL CHECK (side IN ('bank', 'provider')),
  kind text NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  value_date date NOT NULL,
  refs text[] NOT NULL,
  keys text[] NOT NULL,
  -- Compared byte by byte, so that every database gives the same order.
  group_key text COLLATE "C" NOT NULL,
  duplicate_key text NOT NULL,
  description text NOT NULL,
  match_id text REFERENCES matches (id),
  break_id text REFERENCES breaks (id),
  UNIQUE (file_id, ordinal),
  CHECK (match_id IS NULL OR break_id IS NULL)
);
CREATE INDEX file_lines_groups ON file_lines (file_id, group_key, ordinal);
CREATE INDEX file_lines_duplicates ON file_lines (duplicate_key, arrival) WHERE duplicate_key <> '';
CREATE INDEX file_lines_keys ON file_lines USING gin (keys);
CREATE INDEX file_lines_match ON file_lines (match_id) WHERE match_id IS NOT NULL;
CREATE INDEX file_lines_break ON file_lines (break_id) WHERE break_id IS NOT NULL;

-- An expectation is open until it is due; then it is in one match or in one break.
CREATE TABLE expectations (
  id text PRIMARY KEY,
  side text NOT NULL CHECK (side IN ('bank', 'provider')),
  kind text NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL,
  fee_minor bigint,
  refs text[] NOT NULL,
  keys text[] NOT NULL,
  expected_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  is_new boolean NOT NULL DEFAULT true,
  match_id text REFERENCES matches (id),
  break_id text REFERENCES breaks (id),
  CHECK (match_id IS NULL OR break_id IS NULL)
);
CREATE INDEX expectations_newest ON expectations (expected_at DESC, id DESC);
CREATE INDEX expectations_due ON expectations (due_at, id) WHERE match_id IS NULL AND break_id IS NULL;
CREATE INDEX expectations_new ON expectations (id) WHERE is_new;
CREATE INDEX expectations_unmatched ON expectations (side, currency, expected_at) WHERE match_id IS NULL;
CREATE INDEX expectations_keys ON expectations USING gin (keys);
CREATE INDEX expectations_match ON expectations (match_id) WHERE match_id IS NOT NULL;
CREATE INDEX expectations_break ON expectations (break_id) WHERE break_id IS NOT NULL;

-- Journals for the book, written with the effect that they are of and booked afterwards, once for each id.
CREATE TABLE bookings (
  number bigint GENERATED ALWAYS AS IDENTITY,
  id text PRIMARY KEY,
  kind text NOT NULL,
  reference text NOT NULL,
  description text NOT NULL,
  currency text NOT NULL,
  debit text NOT NULL,
  credit text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  target_id text NOT NULL DEFAULT '',
  effective_at timestamptz NOT NULL,
  file_id text REFERENCES settlement_files (id),
  break_id text REFERENCES breaks (id),
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'booked', 'refused')),
  journal_id text NOT NULL DEFAULT '',
  detail text NOT NULL DEFAULT ''
);
CREATE INDEX bookings_waiting ON bookings (number) WHERE state = 'waiting';
CREATE INDEX bookings_refused ON bookings (number) WHERE state = 'refused';
CREATE INDEX bookings_of_file ON bookings (file_id, state);
CREATE INDEX bookings_of_break ON bookings (break_id) WHERE break_id IS NOT NULL;

CREATE TABLE match_rules (
  id text PRIMARY KEY,
  priority integer NOT NULL,
  side text NOT NULL CHECK (side IN ('bank', 'provider')),
  shape text NOT NULL CHECK (shape IN ('one_to_one', 'one_to_many', 'many_to_one', 'many_to_many')),
  reference text NOT NULL CHECK (reference IN ('equals', 'contains', 'any')),
  amount_tolerance_minor bigint NOT NULL CHECK (amount_tolerance_minor >= 0),
  amount_tolerance_bps integer NOT NULL CHECK (amount_tolerance_bps >= 0),
  days_apart_max integer NOT NULL CHECK (days_apart_max >= 0),
  group_max integer NOT NULL,
  enabled boolean NOT NULL
);
INSERT INTO match_rules VALUES
  ('provider-exact', 10, 'provider', 'one_to_one', 'equals', 0, 0, 30, 1, true),
  ('provider-in-parts', 20, 'provider', 'many_to_one', 'equals', 0, 0, 30, 50, true),
  ('provider-joined', 30, 'provider', 'one_to_many', 'equals', 0, 0, 30, 50, true),
  ('provider-groups', 40, 'provider', 'many_to_many', 'equals', 0, 0, 30, 50, true),
  ('bank-exact', 10, 'bank', 'one_to_one', 'equals', 0, 0, 10, 1, true),
  ('bank-named', 20, 'bank', 'one_to_one', 'contains', 0, 0, 10, 1, true),
  ('bank-in-parts', 30, 'bank', 'many_to_one', 'equals', 0, 0, 10, 50, true),
  ('bank-joined', 40, 'bank', 'one_to_many', 'contains', 0, 0, 10, 20, true);
