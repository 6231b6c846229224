-- Where the book stood at a time is asked of its batches, one for thousands of journals and unique by their time: the
-- journals' own index by it is read by nobody any more.
ALTER TABLE journals DROP INDEX journals_recorded;
