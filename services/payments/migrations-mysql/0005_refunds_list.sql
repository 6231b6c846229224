-- Finance looks through refunds across orders, newest first.
CREATE INDEX refunds_by_time ON refunds (created_at, id);
CREATE INDEX refunds_by_status ON refunds (status, created_at, id);
