CREATE TABLE users (
  id text PRIMARY KEY,
  -- What the address is compared by: trimmed, normalised, lower case.
  email_key text NOT NULL UNIQUE,
  email text NOT NULL,
  display_name text NOT NULL,
  password_hash text NOT NULL,
  roles text[] NOT NULL,
  email_verified_at timestamptz,
  created_at timestamptz NOT NULL
);
CREATE INDEX users_by_creation ON users (created_at DESC, id DESC);

CREATE TABLE sessions (
  -- SHA-256 of the token: a copy of this table signs nobody in.
  token_hash bytea PRIMARY KEY,
  id text NOT NULL UNIQUE,
  user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  user_agent text NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id, id DESC);
CREATE INDEX sessions_by_age ON sessions (last_seen_at);

CREATE TABLE email_verifications (
  token_hash bytea PRIMARY KEY,
  user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
CREATE INDEX email_verifications_by_user ON email_verifications (user_id);

CREATE TABLE mail_queue (
  id text PRIMARY KEY,
  recipient text NOT NULL,
  subject text NOT NULL,
  body text NOT NULL,
  due_at timestamptz NOT NULL,
  tries int NOT NULL DEFAULT 0
);
CREATE INDEX mail_queue_due ON mail_queue (due_at);
