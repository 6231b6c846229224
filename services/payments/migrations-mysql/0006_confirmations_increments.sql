-- Payments that wait for their payer to confirm them, and authorizations that are raised. The status of a payment that
-- waits for its confirmation is stored as requires_action without a provider: the CHECK of a column cannot be replaced by
-- one statement that both engines know, and the key of the live attempt counts it so already.
ALTER TABLE attempts
  -- Of one that was made to be confirmed later: until when it may be.
  ADD COLUMN confirm_by datetime(3),
  -- The token of its method, encrypted; null again as soon as no call to the provider can need it.
  ADD COLUMN sealed_method text,
  -- What the provider said with this authorization: how much may be captured at most, and whether it can be raised.
  ADD COLUMN capturable_max_minor bigint,
  ADD COLUMN incrementable boolean;

-- Raises of what an authorization holds. The id is the provider's idempotency key; the row is durable before the provider
-- hears of it.
CREATE TABLE IF NOT EXISTS increments (
  id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  attempt_id varchar(200) NOT NULL,
  currency char(3) NOT NULL,
  from_minor bigint NOT NULL CHECK (from_minor > 0),
  -- What is held in all when it succeeds.
  to_minor bigint NOT NULL,
  status varchar(20) NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  failure_code varchar(100) NOT NULL DEFAULT '',
  created_at datetime(3) NOT NULL,
  settled_at datetime(3),
  due_at datetime(3),
  tries int NOT NULL DEFAULT 0,
  taken_by char(24) NOT NULL DEFAULT '',
  pending_of varchar(200) GENERATED ALWAYS AS (CASE WHEN status = 'pending' THEN attempt_id END) STORED,
  UNIQUE KEY increments_one_pending (pending_of),
  KEY increments_by_attempt (attempt_id, created_at),
  KEY increments_due (due_at),
  KEY increments_taken (taken_by),
  CHECK (to_minor > from_minor),
  CONSTRAINT increments_order FOREIGN KEY (order_id) REFERENCES intents (order_id),
  CONSTRAINT increments_attempt FOREIGN KEY (attempt_id) REFERENCES attempts (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The sandbox's own: what it was asked to hold, by the merchant's reference.
CREATE TABLE IF NOT EXISTS sandbox_increments (
  merchant_reference varchar(200) PRIMARY KEY,
  payment_reference varchar(200) NOT NULL,
  to_minor bigint NOT NULL,
  failure_code varchar(100) NOT NULL DEFAULT '',
  FOREIGN KEY (payment_reference) REFERENCES sandbox_payments (merchant_reference)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
