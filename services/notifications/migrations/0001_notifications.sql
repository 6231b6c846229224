-- One row a person: its lock gives each notification the next number, so numbers have no gaps and follow commits.
CREATE TABLE feeds (
  user_id text PRIMARY KEY,
  last_seq bigint NOT NULL
);

CREATE TABLE notifications (
  user_id text NOT NULL REFERENCES feeds (user_id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  id text NOT NULL UNIQUE,
  kind text NOT NULL,
  title text NOT NULL,
  body text NOT NULL,
  link text NOT NULL,
  created_at timestamptz NOT NULL,
  read_at timestamptz,
  PRIMARY KEY (user_id, seq)
);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE read_at IS NULL;

-- What is still to be told: an event and the way it is told by. Written in the transaction that applies the event,
-- worked on after it, gone when told.
CREATE TABLE tasks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id text NOT NULL,
  -- app, mail.
  channel text NOT NULL,
  type text NOT NULL,
  data bytea NOT NULL,
  created_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  tries int NOT NULL DEFAULT 0,
  UNIQUE (event_id, channel)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX tasks_due ON tasks (due_at);

CREATE TABLE mail_queue (
  id text PRIMARY KEY,
  recipient text NOT NULL,
  subject text NOT NULL,
  body text NOT NULL,
  due_at timestamptz NOT NULL,
  tries int NOT NULL DEFAULT 0
);
CREATE INDEX mail_queue_due ON mail_queue (due_at);
