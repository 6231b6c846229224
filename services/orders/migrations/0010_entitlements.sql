-- Who may study a course by something other than their own purchase of it. One row a grant; what grants again after an
-- end has a new row.
CREATE TABLE entitlements (
  id text PRIMARY KEY,
  user_id text NOT NULL,
  course_id text NOT NULL,
  source text NOT NULL CHECK (source IN ('gift', 'seat', 'subscription', 'cohort')),
  -- The gift, seat, subscription or order line that grants.
  source_id text NOT NULL,
  order_id text NOT NULL,
  granted_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_because text NOT NULL DEFAULT '',
  CHECK ((ended_at IS NULL) = (ended_because = ''))
);
-- A source grants a course once at a time, whatever comes at once.
CREATE UNIQUE INDEX entitlements_once ON entitlements (source, source_id, course_id) WHERE ended_at IS NULL;
CREATE INDEX entitlements_of ON entitlements (user_id, course_id) WHERE ended_at IS NULL;
