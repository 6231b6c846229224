-- What every process of the service follows the table by: each writing of a course has a number of its own, also when
-- its release stays the same.
CREATE SEQUENCE course_change;
ALTER TABLE indexed_courses
  ADD COLUMN change bigint NOT NULL DEFAULT nextval('course_change'),
  -- The change that was last put into an index which the processes share; NULL when none was.
  ADD COLUMN shared_change bigint;

-- Documents that a later release of their course does not have, to be taken out of a shared index. One row for each at
-- most, so that an index which was not in use for a while can still be told.
CREATE TABLE dropped_documents (
  id text PRIMARY KEY,
  course_id text NOT NULL,
  release int NOT NULL
);
CREATE INDEX dropped_documents_course_id ON dropped_documents (course_id);
