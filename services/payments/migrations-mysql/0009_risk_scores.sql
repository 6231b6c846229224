-- Every version of the scoring; the newest is in force.
CREATE TABLE IF NOT EXISTS risk_scorings (
  version int PRIMARY KEY,
  -- {factors, challengeFrom, reviewFrom, blockFrom}
  scoring mediumtext NOT NULL,
  set_by varchar(200) NOT NULL,
  set_at datetime(3) NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Of what came before there was a score these are empty.
ALTER TABLE risk_decisions
  ADD COLUMN score smallint,
  ADD COLUMN scoring_version int,
  -- [{factor, key, measured, points}]
  ADD COLUMN contributions mediumtext;

-- What was paid, for what is usual for a customer.
ALTER TABLE risk_signals
  ADD COLUMN currency varchar(3) NOT NULL DEFAULT '',
  ADD COLUMN amount_minor bigint NOT NULL DEFAULT 0;
