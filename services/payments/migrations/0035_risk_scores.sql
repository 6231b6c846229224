-- Every version of the scoring; the newest is in force.
CREATE TABLE risk_scorings (
  version integer PRIMARY KEY,
  -- {factors, challengeFrom, reviewFrom, blockFrom}
  scoring jsonb NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL
);

-- Of what came before there was a score these are empty.
ALTER TABLE risk_decisions
  ADD COLUMN score smallint,
  ADD COLUMN scoring_version integer,
  -- [{factor, key, measured, points}]
  ADD COLUMN contributions jsonb;

-- What was paid, for what is usual for a customer.
ALTER TABLE risk_signals
  ADD COLUMN currency text NOT NULL DEFAULT '',
  ADD COLUMN amount_minor bigint NOT NULL DEFAULT 0;
