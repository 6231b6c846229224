-- Projections that follow the events. One generation is live, another may be building beside it.
CREATE TABLE feed_projections (
  name text NOT NULL,
  generation integer NOT NULL,
  version integer NOT NULL,
  is_live boolean NOT NULL,
  xid xid8 NOT NULL DEFAULT '0',
  position bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (name, generation)
);
CREATE UNIQUE INDEX feed_projections_one_live ON feed_projections (name) WHERE is_live;

CREATE TABLE sales (
  generation integer NOT NULL,
  course_id text NOT NULL,
  day date NOT NULL,
  currency text NOT NULL,
  instructor_id text NOT NULL,
  title text NOT NULL,
  sold integer NOT NULL,
  given_back integer NOT NULL,
  gross_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  refunded_minor bigint NOT NULL,
  PRIMARY KEY (generation, course_id, day, currency)
);
CREATE INDEX sales_by_day ON sales (generation, day DESC, course_id, currency);
CREATE INDEX sales_by_instructor ON sales (generation, instructor_id, day DESC, course_id, currency);
