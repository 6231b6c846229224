-- From here on a snapshot has the accounts that moved since the one before, not all there are: an account is found by its
-- newest row at or before a journal. Snapshots from before this have more rows than they need, and are read alike.
ALTER TABLE total_snapshots DROP CONSTRAINT total_snapshots_pkey;
ALTER TABLE total_snapshots ADD PRIMARY KEY (account_id, journal_sequence);
CREATE INDEX total_snapshots_journal ON total_snapshots (journal_sequence);
