CREATE TABLE gifts (
  id text PRIMARY KEY,
  order_id text NOT NULL,
  line_id text NOT NULL UNIQUE,
  buyer_id text NOT NULL,
  course_id text NOT NULL,
  course_title text NOT NULL,
  course_slug text NOT NULL,
  instructor_id text NOT NULL,
  release integer NOT NULL,
  recipient_email text NOT NULL,
  recipient_name text NOT NULL,
  message text NOT NULL,
  status text NOT NULL CHECK (status IN ('ordered', 'open', 'redeemed', 'void', 'ended')),
  -- SHA-256 of the code that is in the mail; the code itself is kept nowhere here.
  code_hash bytea UNIQUE,
  recipient_id text NOT NULL DEFAULT '',
  sends integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  redeemed_at timestamptz,
  CHECK ((status IN ('redeemed', 'ended')) = (recipient_id <> ''))
);
CREATE INDEX gifts_by_order ON gifts (order_id);
CREATE INDEX gifts_by_buyer ON gifts (buyer_id, created_at DESC, id DESC);
