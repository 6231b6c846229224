CREATE TABLE seat_pools (
  id text PRIMARY KEY,
  order_id text NOT NULL,
  line_id text NOT NULL UNIQUE,
  owner_id text NOT NULL,
  course_id text NOT NULL,
  course_title text NOT NULL,
  course_slug text NOT NULL,
  instructor_id text NOT NULL,
  release integer NOT NULL,
  seats integer NOT NULL CHECK (seats > 0),
  given integer NOT NULL DEFAULT 0 CHECK (given >= 0),
  refunding integer NOT NULL DEFAULT 0 CHECK (refunding >= 0),
  refunded integer NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  withdrawals integer NOT NULL DEFAULT 0 CHECK (withdrawals >= 0),
  ended boolean NOT NULL DEFAULT false,
  bought_at timestamptz NOT NULL,
  CHECK (given + refunding + refunded <= seats)
);
CREATE INDEX seat_pools_by_order ON seat_pools (order_id);
CREATE INDEX seat_pools_by_owner ON seat_pools (owner_id, bought_at DESC, id DESC);

CREATE TABLE seats (
  id text PRIMARY KEY,
  pool_id text NOT NULL REFERENCES seat_pools (id),
  status text NOT NULL CHECK (status IN ('invited', 'assigned', 'withdrawn', 'ended')),
  user_id text NOT NULL DEFAULT '',
  -- As the owner gave it; empty for who came by a link.
  email text NOT NULL DEFAULT '',
  email_key text NOT NULL DEFAULT '',
  by text NOT NULL CHECK (by IN ('email', 'join_link')),
  created_at timestamptz NOT NULL,
  assigned_at timestamptz,
  withdrawn_at timestamptz
);
CREATE UNIQUE INDEX seats_one_of_user ON seats (pool_id, user_id) WHERE status = 'assigned';
CREATE UNIQUE INDEX seats_one_of_address ON seats (pool_id, email_key) WHERE status = 'invited';
CREATE INDEX seats_of_pool ON seats (pool_id, created_at DESC, id DESC);
CREATE INDEX seats_invited ON seats (email_key) WHERE status = 'invited';

CREATE TABLE join_links (
  id text PRIMARY KEY,
  pool_id text NOT NULL REFERENCES seat_pools (id),
  code_hash bytea NOT NULL UNIQUE,
  uses integer NOT NULL DEFAULT 0,
  uses_max integer NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  CHECK (uses BETWEEN 0 AND uses_max)
);
CREATE INDEX join_links_of_pool ON join_links (pool_id, created_at DESC, id DESC);

-- Refunds of unassigned seats, until they are settled and after.
CREATE TABLE seat_refunds (
  refund_id text PRIMARY KEY,
  pool_id text NOT NULL REFERENCES seat_pools (id),
  seats integer NOT NULL CHECK (seats > 0),
  state text NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed'))
);

-- Accounts whose address was just verified: seats may wait for them.
CREATE TABLE seat_claims (
  user_id text PRIMARY KEY,
  due_at timestamptz NOT NULL,
  tries integer NOT NULL DEFAULT 0
);
CREATE INDEX seat_claims_due ON seat_claims (due_at);
