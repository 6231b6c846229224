-- A rule that tolerates a difference writes off by itself: one person asks for it, and it is in force when another sets the same.
CREATE TABLE match_rule_requests (
  id text PRIMARY KEY,
  rule jsonb NOT NULL,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL
);
