-- Rules that let payments through or not, what they count, and what they decided. Values are keyed hashes.
CREATE TABLE IF NOT EXISTS risk_rules (
  name varchar(200) PRIMARY KEY,
  enabled boolean NOT NULL,
  dimension varchar(20) NOT NULL CHECK (dimension IN ('customer', 'fingerprint', 'address', 'device')),
  counted varchar(20) NOT NULL CHECK (counted IN ('attempts', 'failures')),
  count_max int NOT NULL,
  window_seconds int NOT NULL,
  amount_at_least_minor bigint NOT NULL DEFAULT 0,
  outcome varchar(20) NOT NULL CHECK (outcome IN ('challenge', 'review', 'block'))
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A person who mistypes has more patience from us than a program that tries cards.
INSERT INTO risk_rules (name, enabled, dimension, counted, count_max, window_seconds, outcome) VALUES
  ('many-failures-of-a-customer', true, 'customer', 'failures', 20, 3600, 'challenge'),
  ('card-testing-by-a-customer', true, 'customer', 'failures', 60, 3600, 'block'),
  ('card-testing-from-an-address', false, 'address', 'failures', 30, 600, 'block'),
  ('a-card-in-many-hands', false, 'fingerprint', 'attempts', 10, 3600, 'review');

-- One row a dimension of each attempt that was let through.
CREATE TABLE IF NOT EXISTS risk_signals (
  attempt_id varchar(200) NOT NULL,
  dimension varchar(20) NOT NULL,
  value_hash varchar(200) NOT NULL,
  at datetime(3) NOT NULL,
  failed boolean NOT NULL DEFAULT false,
  PRIMARY KEY (attempt_id, dimension),
  KEY risk_signals_counted (dimension, value_hash, at),
  KEY risk_signals_old (at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS risk_blocks (
  id varchar(200) PRIMARY KEY,
  dimension varchar(20) NOT NULL CHECK (dimension IN ('customer', 'fingerprint', 'address', 'device')),
  value_hash varchar(200) NOT NULL,
  reason text NOT NULL,
  created_at datetime(3) NOT NULL,
  until datetime(3),
  KEY risk_blocks_by_value (dimension, value_hash),
  KEY risk_blocks_newest (created_at, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS risk_decisions (
  id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  attempt_id varchar(200) NOT NULL,
  outcome varchar(20) NOT NULL CHECK (outcome IN ('allow', 'challenge', 'review', 'block')),
  -- [{rule, dimension, count, outcome}]
  findings mediumtext NOT NULL,
  at datetime(3) NOT NULL,
  KEY risk_decisions_newest (at, id),
  KEY risk_decisions_by_order (order_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Every version of the routing rules; the newest is in force.
CREATE TABLE IF NOT EXISTS routing_rules (
  version int PRIMARY KEY,
  rules mediumtext NOT NULL,
  set_by varchar(200) NOT NULL,
  set_at datetime(3) NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS routing_decisions (
  id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  attempt_id varchar(200) NOT NULL,
  try_number int NOT NULL,
  provider varchar(100) NOT NULL,
  rule varchar(200) NOT NULL,
  because varchar(30) NOT NULL,
  -- {candidates, rates, leftOut, rulesVersion, method, currency, amountMinor}
  inputs mediumtext NOT NULL,
  at datetime(3) NOT NULL,
  KEY routing_decisions_newest (at, id),
  KEY routing_decisions_by_order (order_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
