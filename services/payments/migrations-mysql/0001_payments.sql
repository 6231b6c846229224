-- Payments in MariaDB 10.11 and MySQL 8: the same tables as migrations/, in what the two engines have in common. Each
-- statement may run twice (DDL commits by itself), so all say IF NOT EXISTS. Times are UTC, to the millisecond.

-- One intent an order: what is to be paid, and whether it was. Its row is the lock of everything below it.
CREATE TABLE IF NOT EXISTS intents (
  order_id varchar(200) PRIMARY KEY,
  -- Empty for an intent that was closed before anybody tried to pay.
  buyer_id varchar(200) NOT NULL,
  order_number varchar(200) NOT NULL,
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  status varchar(20) NOT NULL CHECK (status IN ('open', 'captured', 'cancelled')),
  captured_attempt_id varchar(200) NOT NULL DEFAULT '',
  capture_method varchar(20) NOT NULL DEFAULT 'automatic' CHECK (capture_method IN ('automatic', 'manual')),
  -- What was captured in the end: less than the amount after a partial capture.
  captured_minor bigint NOT NULL DEFAULT 0,
  created_at datetime(3) NOT NULL,
  CHECK ((status = 'captured') = (captured_attempt_id <> ''))
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One try to pay. The id is the provider's idempotency key; the row is durable before the provider hears of it.
CREATE TABLE IF NOT EXISTS attempts (
  id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  status varchar(20) NOT NULL CHECK (status IN
    ('requires_action', 'processing', 'requires_capture', 'succeeded', 'failed', 'unknown', 'cancelled')),
  method varchar(20) NOT NULL CHECK (method IN ('card', 'upi')),
  provider varchar(100) NOT NULL,
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  capture_method varchar(20) NOT NULL DEFAULT 'automatic' CHECK (capture_method IN ('automatic', 'manual')),
  -- The provider's own id of the payment.
  reference varchar(300) NOT NULL DEFAULT '',
  captured_minor bigint NOT NULL DEFAULT 0,
  capturable_until datetime(3),
  fee_minor bigint,
  -- What the payer has to do: {type, url, uri, expiresAtMs}.
  action mediumtext,
  failure_code varchar(100) NOT NULL DEFAULT '',
  failure_detail text NOT NULL DEFAULT (''),
  provider_code varchar(300) NOT NULL DEFAULT '',
  -- {brand, last4, expiry, fingerprint} and {flow, exemption, liabilityShifted}.
  card text,
  authentication text,
  -- A charge of a mandate, and which try of its order it is.
  mandate_id varchar(200) NOT NULL DEFAULT '',
  try_number int NOT NULL DEFAULT 0,
  -- When a mandate is charged: after its payer was told.
  charge_at datetime(3),
  created_at datetime(3) NOT NULL,
  -- Since when it has this status.
  moved_at datetime(3) NOT NULL,
  settled_at datetime(3),
  -- When the provider is asked for the state of an attempt that is not settled.
  sync_due_at datetime(3),
  sync_tries int NOT NULL DEFAULT 0,
  -- Who took it when it was due last: there is no common UPDATE … RETURNING to ask.
  taken_by char(24) NOT NULL DEFAULT '',
  -- Unique where it is not null: what PostgreSQL says with partial indexes.
  captured_of varchar(200) GENERATED ALWAYS AS (CASE WHEN status = 'succeeded' THEN order_id END) STORED,
  live_of varchar(200) GENERATED ALWAYS AS
    (CASE WHEN status IN ('requires_action', 'processing', 'unknown', 'requires_capture') THEN order_id END) STORED,
  charge_of varchar(200) GENERATED ALWAYS AS (CASE WHEN mandate_id <> '' THEN order_id END) STORED,
  UNIQUE KEY attempts_one_captured (captured_of),
  UNIQUE KEY attempts_one_live (live_of),
  UNIQUE KEY attempts_one_a_try (charge_of, try_number),
  KEY attempts_by_order (order_id, created_at, id),
  KEY attempts_sync_due (sync_due_at),
  KEY attempts_taken (taken_by),
  KEY attempts_by_reference (provider, reference),
  KEY attempts_settled (provider, method, moved_at),
  CONSTRAINT attempts_order FOREIGN KEY (order_id) REFERENCES intents (order_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Every status an attempt or a refund has had, and what brought it there. Only ever added to.
CREATE TABLE IF NOT EXISTS payment_history (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  subject_id varchar(200) NOT NULL,
  status varchar(30) NOT NULL,
  because varchar(30) NOT NULL,
  at datetime(3) NOT NULL,
  KEY payment_history_by_subject (subject_id, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Parts of an authorization that we take. The id is the provider's idempotency key.
CREATE TABLE IF NOT EXISTS captures (
  id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  attempt_id varchar(200) NOT NULL,
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  final boolean NOT NULL,
  status varchar(20) NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  failure_code varchar(100) NOT NULL DEFAULT '',
  created_at datetime(3) NOT NULL,
  settled_at datetime(3),
  due_at datetime(3),
  tries int NOT NULL DEFAULT 0,
  taken_by char(24) NOT NULL DEFAULT '',
  KEY captures_by_attempt (attempt_id),
  KEY captures_due (due_at),
  KEY captures_taken (taken_by),
  FOREIGN KEY (order_id) REFERENCES intents (order_id),
  FOREIGN KEY (attempt_id) REFERENCES attempts (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Authorizations to be given back. Here the attempt is over already; the provider is told until it has heard it.
CREATE TABLE IF NOT EXISTS voids (
  id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  attempt_id varchar(200) NOT NULL,
  created_at datetime(3) NOT NULL,
  done_at datetime(3),
  due_at datetime(3),
  tries int NOT NULL DEFAULT 0,
  taken_by char(24) NOT NULL DEFAULT '',
  UNIQUE KEY voids_one_an_attempt (attempt_id),
  KEY voids_due (due_at),
  KEY voids_taken (taken_by),
  FOREIGN KEY (order_id) REFERENCES intents (order_id),
  FOREIGN KEY (attempt_id) REFERENCES attempts (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Money on its way back: asked for by orders, or a late payment that nobody wanted any more.
CREATE TABLE IF NOT EXISTS refunds (
  id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  attempt_id varchar(200) NOT NULL,
  kind varchar(20) NOT NULL CHECK (kind IN ('requested', 'late')),
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  status varchar(20) NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  failure_code varchar(100) NOT NULL DEFAULT '',
  reference varchar(300) NOT NULL DEFAULT '',
  -- When a request first left for the provider; null: none did.
  sent_at datetime(3),
  created_at datetime(3) NOT NULL,
  settled_at datetime(3),
  due_at datetime(3),
  tries int NOT NULL DEFAULT 0,
  taken_by char(24) NOT NULL DEFAULT '',
  late_of varchar(200) GENERATED ALWAYS AS (CASE WHEN kind = 'late' THEN attempt_id END) STORED,
  UNIQUE KEY refunds_one_late (late_of),
  KEY refunds_by_order (order_id),
  KEY refunds_by_attempt (attempt_id),
  KEY refunds_by_reference (reference),
  KEY refunds_due (due_at),
  KEY refunds_taken (taken_by),
  FOREIGN KEY (order_id) REFERENCES intents (order_id),
  FOREIGN KEY (attempt_id) REFERENCES attempts (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS disputes (
  id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  attempt_id varchar(200) NOT NULL,
  provider varchar(100) NOT NULL,
  reference varchar(300) NOT NULL,
  stage varchar(20) NOT NULL CHECK (stage IN ('pre_dispute', 'dispute', 'pre_arbitration')),
  status varchar(20) NOT NULL CHECK (status IN ('opened', 'challenged', 'accepted', 'expired', 'won', 'lost')),
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  fee_minor bigint NOT NULL DEFAULT 0,
  reason varchar(300) NOT NULL DEFAULT '',
  evidence mediumtext NOT NULL DEFAULT (''),
  -- accept or challenge, while the provider has not answered to it.
  pending varchar(20) NOT NULL DEFAULT '' CHECK (pending IN ('', 'accept', 'challenge')),
  evidence_due_at datetime(3),
  opened_at datetime(3) NOT NULL,
  closed_at datetime(3),
  due_at datetime(3),
  tries int NOT NULL DEFAULT 0,
  taken_by char(24) NOT NULL DEFAULT '',
  UNIQUE KEY disputes_by_reference (provider, reference, stage),
  KEY disputes_by_order (order_id),
  KEY disputes_by_attempt (attempt_id, opened_at),
  KEY disputes_newest (opened_at, id),
  KEY disputes_due (due_at),
  KEY disputes_taken (taken_by),
  FOREIGN KEY (order_id) REFERENCES intents (order_id),
  FOREIGN KEY (attempt_id) REFERENCES attempts (id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What no machine settles: seen to by a person.
CREATE TABLE IF NOT EXISTS attention (
  id varchar(200) PRIMARY KEY,
  order_id varchar(200) NOT NULL,
  attempt_id varchar(200) NOT NULL,
  subject_id varchar(200) NOT NULL,
  because varchar(200) NOT NULL,
  since datetime(3) NOT NULL,
  closed_at datetime(3),
  closed_by varchar(200) NOT NULL DEFAULT '',
  note text NOT NULL DEFAULT (''),
  UNIQUE KEY attention_subject (subject_id, because),
  KEY attention_open (closed_at, since, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What providers told us, as it came; acknowledged when it is here, applied after.
CREATE TABLE IF NOT EXISTS webhook_inbox (
  provider varchar(100) NOT NULL,
  event_id varchar(300) NOT NULL,
  body mediumblob NOT NULL,
  received_at datetime(3) NOT NULL,
  -- Null when it is applied, or given up.
  due_at datetime(3),
  tries int NOT NULL DEFAULT 0,
  status varchar(20) NOT NULL DEFAULT 'kept' CHECK (status IN ('kept', 'applied', 'given_up')),
  PRIMARY KEY (provider, event_id),
  KEY webhook_inbox_due (due_at),
  KEY webhook_inbox_received (received_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Standing permissions of buyers to be charged again. The token they were made of is not kept: the provider holds it.
CREATE TABLE IF NOT EXISTS mandates (
  id varchar(200) PRIMARY KEY,
  buyer_id varchar(200) NOT NULL,
  provider varchar(100) NOT NULL,
  reference varchar(300) NOT NULL DEFAULT '',
  method varchar(20) NOT NULL CHECK (method IN ('card', 'upi')),
  umn varchar(300) NOT NULL DEFAULT '',
  currency char(3) NOT NULL,
  amount_max_minor bigint NOT NULL CHECK (amount_max_minor > 0),
  status varchar(20) NOT NULL CHECK (status IN ('pending', 'active', 'paused', 'revoked', 'failed', 'expired')),
  action mediumtext,
  failure_code varchar(100) NOT NULL DEFAULT '',
  created_at datetime(3) NOT NULL,
  moved_at datetime(3) NOT NULL,
  valid_until datetime(3),
  -- A change that the provider has not answered to: {kind, amountMaxMinor?}.
  pending text,
  due_at datetime(3),
  tries int NOT NULL DEFAULT 0,
  taken_by char(24) NOT NULL DEFAULT '',
  KEY mandates_by_buyer (buyer_id, created_at, id),
  KEY mandates_by_reference (provider, reference),
  KEY mandates_due (due_at),
  KEY mandates_taken (taken_by)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
