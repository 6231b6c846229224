CREATE TABLE cohorts (
  id text PRIMARY KEY,
  course_id text NOT NULL,
  instructor_id text NOT NULL,
  title text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  sales_end_at timestamptz NOT NULL,
  capacity integer NOT NULL CHECK (capacity > 0),
  sold integer NOT NULL DEFAULT 0 CHECK (sold >= 0),
  reserved integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  closed boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  CHECK (starts_at < ends_at),
  -- The promise itself: nobody can write a place too many.
  CHECK (sold + reserved <= capacity)
);
CREATE INDEX cohorts_of_course ON cohorts (course_id, starts_at, id);

CREATE TABLE cohort_places (
  line_id text PRIMARY KEY,
  cohort_id text NOT NULL REFERENCES cohorts (id),
  order_id text NOT NULL,
  buyer_id text NOT NULL,
  state text NOT NULL CHECK (state IN ('live', 'sold', 'released', 'returned')),
  reserved_at timestamptz NOT NULL,
  -- Given up from then on, also when a payment has still not settled.
  hard_limit_at timestamptz NOT NULL,
  sold_at timestamptz
);
CREATE INDEX cohort_places_by_order ON cohort_places (order_id);
CREATE INDEX cohort_places_sold ON cohort_places (cohort_id, sold_at, line_id) WHERE state = 'sold';
-- One place a person: another order for the same cohort waits for the first to be paid or to expire.
CREATE UNIQUE INDEX cohort_places_one ON cohort_places (cohort_id, buyer_id) WHERE state IN ('live', 'sold');
