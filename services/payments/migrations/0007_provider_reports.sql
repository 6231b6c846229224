-- Settlement reports that providers have made, in the order in which we learnt of them.
CREATE TABLE provider_reports (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider text NOT NULL,
  name text NOT NULL,
  format text NOT NULL,
  size_bytes bigint NOT NULL,
  made_at timestamptz NOT NULL,
  UNIQUE (provider, name)
);
