-- What people do with what is taught.

-- One row for each person who learns: its lock orders everything that changes for them, and so their events.
CREATE TABLE learners (
  user_id text PRIMARY KEY
);

-- Why somebody has, or has no more, access: only added to. Access is a fold over these rows and nothing else.
CREATE TABLE access_facts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id text NOT NULL,
  course_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('granted', 'ended')),
  line_id text NOT NULL,
  order_id text NOT NULL,
  -- Of a grant: the release that was bought.
  release int NOT NULL DEFAULT 0,
  -- Of an end: the refund.
  refund_id text NOT NULL DEFAULT '',
  at timestamptz NOT NULL,
  -- An order line grants once and ends once, however often it is told.
  UNIQUE (line_id, kind)
);
CREATE INDEX access_facts_of ON access_facts (user_id, course_id);

-- What the facts come to, for lists. One row for each person and course.
CREATE TABLE enrolments (
  id text PRIMARY KEY,
  user_id text NOT NULL,
  course_id text NOT NULL,
  -- As it was when bought; shown while the outline cannot be read.
  course_title text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'ended')),
  release int NOT NULL,
  enrolled_at timestamptz NOT NULL,
  ended_at timestamptz,
  last_active_at timestamptz,
  UNIQUE (user_id, course_id)
);
CREATE INDEX enrolments_newest ON enrolments (user_id, enrolled_at DESC, id DESC);

-- Who teaches a released course, and its newest release; from content's events.
CREATE TABLE courses (
  course_id text PRIMARY KEY,
  instructor_id text NOT NULL,
  newest_release int NOT NULL
);

-- Outlines of releases, which never change: read from content once.
CREATE TABLE outlines (
  course_id text NOT NULL,
  release int NOT NULL,
  title text NOT NULL,
  slug text NOT NULL,
  PRIMARY KEY (course_id, release)
);
CREATE TABLE outline_lessons (
  course_id text NOT NULL,
  release int NOT NULL,
  position int NOT NULL,
  lesson_id text NOT NULL,
  kind text NOT NULL,
  duration_seconds int NOT NULL,
  PRIMARY KEY (course_id, release, position),
  FOREIGN KEY (course_id, release) REFERENCES outlines (course_id, release)
);
CREATE INDEX outline_lessons_lesson ON outline_lessons (lesson_id);

CREATE TABLE lesson_progress (
  user_id text NOT NULL,
  lesson_id text NOT NULL,
  course_id text NOT NULL,
  completed boolean NOT NULL,
  position_seconds int NOT NULL CHECK (position_seconds >= 0),
  completed_at timestamptz,
  -- Completed at some time: the completion was told, and is not told again.
  was_completed boolean NOT NULL,
  best_fraction double precision,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, lesson_id)
);
CREATE INDEX lesson_progress_course ON lesson_progress (user_id, course_id);

CREATE TABLE course_completions (
  user_id text NOT NULL,
  course_id text NOT NULL,
  release int NOT NULL,
  completed_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, course_id)
);

CREATE TABLE attempts (
  id text PRIMARY KEY,
  user_id text NOT NULL,
  lesson_id text NOT NULL,
  course_id text NOT NULL,
  release int NOT NULL,
  number int NOT NULL,
  status text NOT NULL CHECK (status IN ('in_progress', 'submitted')),
  -- As delivered: no answers in it.
  questions jsonb NOT NULL,
  max_score double precision NOT NULL,
  pass_fraction double precision NOT NULL,
  started_at timestamptz NOT NULL,
  submitted_at timestamptz,
  score double precision,
  passed boolean,
  results jsonb,
  CHECK ((status = 'submitted') = (submitted_at IS NOT NULL AND score IS NOT NULL AND passed IS NOT NULL AND results IS NOT NULL)),
  UNIQUE (user_id, lesson_id, number)
);
CREATE UNIQUE INDEX attempts_open ON attempts (user_id, lesson_id) WHERE status = 'in_progress';

CREATE TABLE attempt_answers (
  attempt_id text NOT NULL REFERENCES attempts (id),
  question_id text NOT NULL,
  option_ids text[] NOT NULL,
  value double precision,
  saved_at timestamptz NOT NULL,
  PRIMARY KEY (attempt_id, question_id)
);
