-- What the index in memory is filled from at a start. Derived from releases: may be emptied, and is then built again.
CREATE TABLE search_documents (
  id text PRIMARY KEY,
  course_id text NOT NULL,
  release int NOT NULL,
  body jsonb NOT NULL
);
CREATE INDEX search_documents_course_id ON search_documents (course_id);

-- The release that each course is indexed at, and the form its documents had then.
CREATE TABLE indexed_courses (
  course_id text PRIMARY KEY,
  release int NOT NULL,
  form int NOT NULL
);

-- Courses whose documents are to be made anew.
CREATE TABLE index_queue (
  course_id text PRIMARY KEY,
  release int NOT NULL,
  due_at timestamptz NOT NULL,
  tries int NOT NULL DEFAULT 0
);
CREATE INDEX index_queue_due_at ON index_queue (due_at);
