-- Settlements of providers that give each one whole and once: a second file with one is refused.
CREATE TABLE provider_settlements (
  account text NOT NULL,
  currency text NOT NULL,
  settlement text NOT NULL,
  file_id text NOT NULL REFERENCES settlement_files (id),
  PRIMARY KEY (account, currency, settlement)
);

-- Where the pulling of each provider's reports stands, and how the last try went.
CREATE TABLE report_sources (
  name text PRIMARY KEY,
  -- Settlements made before this time have been pulled or are of no interest any more.
  watermark timestamptz NOT NULL,
  -- Nobody asks the provider before this time: whoever asks puts it off first.
  due_at timestamptz NOT NULL,
  succeeded_at timestamptz,
  failed_at timestamptz,
  failure text NOT NULL DEFAULT ''
);

-- Each settlement that was pulled, written in the transaction that makes its file known.
CREATE TABLE pulled_reports (
  source text NOT NULL REFERENCES report_sources (name),
  report_id text NOT NULL,
  -- NULL: the same bytes were here already.
  file_id text REFERENCES settlement_files (id),
  pulled_at timestamptz NOT NULL,
  PRIMARY KEY (source, report_id)
);
