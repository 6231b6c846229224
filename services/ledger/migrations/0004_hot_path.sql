-- A batch, its journals and their transfers are written by one statement, and never again by any other: that each has its
-- parent is so by how they are written, and the integrity check looks. As foreign keys these two cost a third of the
-- throughput. What a transfer's accounts and currency are stays the database's to refuse.
ALTER TABLE transfers DROP CONSTRAINT transfers_journal_sequence_fkey;
ALTER TABLE journals DROP CONSTRAINT journals_batch_sequence_fkey;
