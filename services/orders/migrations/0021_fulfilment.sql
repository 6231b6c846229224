-- When somebody is to look whether the access of a paid order is open, or whether it is completed. Of the projection.
ALTER TABLE orders ADD COLUMN follow_up_at timestamptz;
CREATE INDEX orders_follow_up ON orders (follow_up_at) WHERE follow_up_at IS NOT NULL;

-- follow_up: what a look did not settle. revise: an edit whose request died between payments and us.
ALTER TABLE order_timers DROP CONSTRAINT order_timers_kind_check;
ALTER TABLE order_timers ADD CONSTRAINT order_timers_kind_check
  CHECK (kind IN ('expiry', 'cancel', 'refund', 'follow_up', 'revise'));
