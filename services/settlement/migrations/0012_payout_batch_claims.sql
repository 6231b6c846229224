-- When an approved batch may be sent next: whoever sends it puts this off first, so that no other process does so meanwhile.
ALTER TABLE payout_batches ADD COLUMN due_at timestamptz NOT NULL DEFAULT 'epoch';
