-- Rates of tax withheld as finance set them: all rules at once, asked for by one person, approved by another. Version 1 came
-- with the platform and is in its code; what is here begins at 2.
CREATE TABLE withholding_versions (
  version bigint PRIMARY KEY CHECK (version > 1),
  id text NOT NULL UNIQUE,
  status text NOT NULL CHECK (status IN ('requested', 'active', 'replaced', 'rejected')),
  rules jsonb NOT NULL,
  reason text NOT NULL,
  based_on bigint NOT NULL,
  requested_by text NOT NULL,
  decided_by text NOT NULL DEFAULT '',
  requested_at timestamptz NOT NULL,
  decided_at timestamptz,
  -- Nobody approves what they asked for, whatever the code above does.
  CHECK (status <> 'active' OR (decided_by <> '' AND decided_by <> requested_by))
);
CREATE UNIQUE INDEX withholding_versions_one_active ON withholding_versions ((true)) WHERE status = 'active';
CREATE UNIQUE INDEX withholding_versions_one_requested ON withholding_versions ((true)) WHERE status = 'requested';

-- A run keeps the version that was in force when it was started.
ALTER TABLE settlement_runs ADD COLUMN withholding_version bigint NOT NULL DEFAULT 1;
ALTER TABLE settlement_batches ADD COLUMN withholding_version bigint NOT NULL DEFAULT 1;
