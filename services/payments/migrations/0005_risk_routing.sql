-- Rules that let payments through or not, what they count, and what they decided. Values are keyed hashes.
CREATE TABLE risk_rules (
  name text PRIMARY KEY,
  enabled boolean NOT NULL,
  dimension text NOT NULL CHECK (dimension IN ('customer', 'fingerprint', 'address', 'device')),
  counted text NOT NULL CHECK (counted IN ('attempts', 'failures')),
  count_max integer NOT NULL,
  window_seconds integer NOT NULL,
  amount_at_least_minor bigint NOT NULL DEFAULT 0,
  outcome text NOT NULL CHECK (outcome IN ('challenge', 'review', 'block'))
);
-- A person who mistypes has more patience from us than a program that tries cards.
INSERT INTO risk_rules (name, enabled, dimension, counted, count_max, window_seconds, outcome) VALUES
  ('many-failures-of-a-customer', true, 'customer', 'failures', 20, 3600, 'challenge'),
  ('card-testing-by-a-customer', true, 'customer', 'failures', 60, 3600, 'block'),
  ('card-testing-from-an-address', false, 'address', 'failures', 30, 600, 'block'),
  ('a-card-in-many-hands', false, 'fingerprint', 'attempts', 10, 3600, 'review');

-- One row a dimension of each attempt that was let through.
CREATE TABLE risk_signals (
  attempt_id text NOT NULL,
  dimension text NOT NULL,
  value_hash text NOT NULL,
  at timestamptz NOT NULL,
  failed boolean NOT NULL DEFAULT false,
  PRIMARY KEY (attempt_id, dimension)
);
CREATE INDEX risk_signals_counted ON risk_signals (dimension, value_hash, at);
CREATE INDEX risk_signals_old ON risk_signals USING brin (at);

CREATE TABLE risk_blocks (
  id text PRIMARY KEY,
  dimension text NOT NULL CHECK (dimension IN ('customer', 'fingerprint', 'address', 'device')),
  value_hash text NOT NULL,
  reason text NOT NULL,
  created_at timestamptz NOT NULL,
  until timestamptz
);
CREATE INDEX risk_blocks_by_value ON risk_blocks (dimension, value_hash);
CREATE INDEX risk_blocks_newest ON risk_blocks (created_at DESC, id DESC);

CREATE TABLE risk_decisions (
  id text PRIMARY KEY,
  order_id text NOT NULL,
  attempt_id text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('allow', 'challenge', 'review', 'block')),
  -- [{rule, dimension, count, outcome}]
  findings jsonb NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX risk_decisions_newest ON risk_decisions (at DESC, id DESC);
CREATE INDEX risk_decisions_by_order ON risk_decisions (order_id);

-- Every version of the routing rules; the newest is in force.
CREATE TABLE routing_rules (
  version integer PRIMARY KEY,
  rules jsonb NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL
);

CREATE TABLE routing_decisions (
  id text PRIMARY KEY,
  order_id text NOT NULL,
  attempt_id text NOT NULL,
  try_number integer NOT NULL,
  provider text NOT NULL,
  rule text NOT NULL,
  because text NOT NULL,
  -- {candidates, rates, leftOut, rulesVersion, method, currency, amountMinor}
  inputs jsonb NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX routing_decisions_newest ON routing_decisions (at DESC, id DESC);
CREATE INDEX routing_decisions_by_order ON routing_decisions (order_id);
