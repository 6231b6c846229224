-- Where the book stood at a time is asked of its batches, one for thousands of journals and unique by their time: the
-- journals' own index by it is read by nobody any more.
DROP INDEX journals_recorded;

-- Balances by effective time start at the last sealed period; without this they read every journal before it too. Most
-- take effect when they are recorded, some long before: several ranges of times a block tell the two apart.
CREATE INDEX journals_effective ON journals USING brin (effective_at_us int8_minmax_multi_ops);
