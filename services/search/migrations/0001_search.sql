-- Courses whose newest release is not in the index yet.
CREATE TABLE index_queue (
  course_id text PRIMARY KEY,
  due_at timestamptz NOT NULL,
  tries int NOT NULL DEFAULT 0
);

-- What the index in memory is filled from at a start. Derived: may be emptied at any time.
CREATE TABLE search_documents (
  id text PRIMARY KEY,
  course_id text NOT NULL,
  version int NOT NULL,
  document jsonb NOT NULL
);
CREATE INDEX search_documents_by_course ON search_documents (course_id);
