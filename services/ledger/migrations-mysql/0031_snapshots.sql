-- From here on a snapshot has the accounts that moved since the one before, not all there are: an account is found by its
-- newest row at or before a journal. Snapshots from before this have more rows than they need, and are read alike.
ALTER TABLE total_snapshots
  DROP PRIMARY KEY,
  ADD PRIMARY KEY (account_id, journal_sequence),
  ADD KEY total_snapshots_journal (journal_sequence);
