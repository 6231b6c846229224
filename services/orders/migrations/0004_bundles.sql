CREATE TABLE bundles (
  id text PRIMARY KEY,
  title text NOT NULL,
  summary text NOT NULL,
  courses jsonb NOT NULL,
  price_minor bigint NOT NULL CHECK (price_minor >= 0),
  currency text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  withdrawn boolean NOT NULL DEFAULT false
);
CREATE INDEX bundles_by_time ON bundles (created_at DESC, id DESC);
