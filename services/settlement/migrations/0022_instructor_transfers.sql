-- Money moved from one instructor's account to another's, and moved back: asked for by one person, approved by another.
CREATE TABLE instructor_transfers (
  id text PRIMARY KEY,
  number bigint GENERATED ALWAYS AS IDENTITY,
  from_instructor_id text NOT NULL,
  to_instructor_id text NOT NULL CHECK (to_instructor_id <> from_instructor_id),
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  reason text NOT NULL,
  -- Of a reversal: what it takes back a part of.
  reverses_id text REFERENCES instructor_transfers (id),
  status text NOT NULL CHECK (status IN ('requested', 'approved', 'rejected')),
  requested_by text NOT NULL,
  decided_by text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  decided_at timestamptz,
  -- Nobody approves what they asked for, whatever the code above does.
  CHECK (status <> 'approved' OR (decided_by <> '' AND decided_by <> requested_by))
);
CREATE INDEX instructor_transfers_order ON instructor_transfers (number DESC);
CREATE INDEX instructor_transfers_reversals ON instructor_transfers (reverses_id) WHERE reverses_id IS NOT NULL;
