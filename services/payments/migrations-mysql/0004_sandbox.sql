-- The sandbox provider plays another company: what it knows is its own and survives us. Nothing outside
-- store-mysql-sandbox.ts reads these tables.

CREATE TABLE IF NOT EXISTS sandbox_payments (
  -- The merchant's reference (our attempt id) is the idempotency key.
  merchant_reference varchar(200) PRIMARY KEY,
  provider varchar(100) NOT NULL DEFAULT 'sandbox',
  reference varchar(300) NOT NULL DEFAULT '',
  token varchar(300) NOT NULL,
  method varchar(20) NOT NULL,
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL,
  capture varchar(20) NOT NULL DEFAULT 'automatic',
  status varchar(20) NOT NULL CHECK (status IN
    ('requires_action', 'processing', 'authorized', 'succeeded', 'failed', 'voided')),
  failure_code varchar(100) NOT NULL DEFAULT '',
  action mediumtext,
  authentication text,
  captured_minor bigint NOT NULL DEFAULT 0,
  capturable_until datetime(3),
  deemed boolean NOT NULL DEFAULT false,
  -- When it settles by itself, and how; when its payer is going to open a dispute.
  settles_at datetime(3),
  settles_to varchar(100) NOT NULL DEFAULT '',
  disputes_at datetime(3),
  created_at datetime(3) NOT NULL,
  KEY sandbox_payments_settle (provider, settles_at),
  KEY sandbox_payments_dispute (provider, disputes_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sandbox_captures (
  merchant_reference varchar(200) PRIMARY KEY,
  payment_reference varchar(200) NOT NULL,
  amount_minor bigint NOT NULL,
  status varchar(20) NOT NULL CHECK (status IN ('succeeded', 'failed')),
  failure_code varchar(100) NOT NULL DEFAULT '',
  FOREIGN KEY (payment_reference) REFERENCES sandbox_payments (merchant_reference)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sandbox_refunds (
  merchant_reference varchar(200) PRIMARY KEY,
  provider varchar(100) NOT NULL DEFAULT 'sandbox',
  payment_reference varchar(200) NOT NULL,
  amount_minor bigint NOT NULL,
  status varchar(20) NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  failure_code varchar(100) NOT NULL DEFAULT '',
  settles_at datetime(3),
  settles_to varchar(100) NOT NULL DEFAULT 'succeeded',
  told boolean NOT NULL DEFAULT true,
  KEY sandbox_refunds_settle (provider, settles_at),
  FOREIGN KEY (payment_reference) REFERENCES sandbox_payments (merchant_reference)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sandbox_disputes (
  reference varchar(300) PRIMARY KEY,
  provider varchar(100) NOT NULL,
  payment_reference varchar(200) NOT NULL,
  stage varchar(20) NOT NULL,
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  reason varchar(300) NOT NULL,
  status varchar(20) NOT NULL CHECK (status IN ('opened', 'challenged', 'won', 'lost')),
  evidence mediumtext NOT NULL DEFAULT (''),
  evidence_due_at datetime(3) NOT NULL,
  -- When it closes by itself, and how.
  closes_at datetime(3),
  closes_to varchar(100) NOT NULL DEFAULT '',
  KEY sandbox_disputes_close (provider, closes_at),
  FOREIGN KEY (payment_reference) REFERENCES sandbox_payments (merchant_reference)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sandbox_mandates (
  merchant_reference varchar(200) PRIMARY KEY,
  provider varchar(100) NOT NULL,
  token varchar(300) NOT NULL,
  method varchar(20) NOT NULL,
  umn varchar(300) NOT NULL,
  currency char(3) NOT NULL,
  amount_max_minor bigint NOT NULL,
  status varchar(20) NOT NULL CHECK (status IN ('pending', 'active', 'paused', 'revoked', 'failed', 'expired')),
  action mediumtext,
  settles_at datetime(3),
  created_at datetime(3) NOT NULL,
  KEY sandbox_mandates_settle (provider, settles_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Payers told of a charge to come.
CREATE TABLE IF NOT EXISTS sandbox_notices (
  payment_reference varchar(200) PRIMARY KEY,
  mandate_reference varchar(200) NOT NULL,
  told_at datetime(3) NOT NULL,
  charge_at datetime(3) NOT NULL,
  FOREIGN KEY (mandate_reference) REFERENCES sandbox_mandates (merchant_reference)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Webhooks to be delivered; gone when acknowledged.
CREATE TABLE IF NOT EXISTS sandbox_deliveries (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  provider varchar(100) NOT NULL DEFAULT 'sandbox',
  event_id varchar(300) NOT NULL,
  body mediumtext NOT NULL,
  due_at datetime(3) NOT NULL,
  tries int NOT NULL DEFAULT 0,
  taken_by char(24) NOT NULL DEFAULT '',
  KEY sandbox_deliveries_due (provider, due_at),
  KEY sandbox_deliveries_taken (taken_by)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What moves at the provider, until it is in a settlement report. Amounts are signed: what comes to us is positive.
CREATE TABLE IF NOT EXISTS sandbox_movements (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  provider varchar(100) NOT NULL,
  kind varchar(30) NOT NULL CHECK (kind IN
    ('capture', 'refund', 'refund_reversed', 'dispute', 'dispute_won', 'dispute_fee')),
  provider_reference varchar(300) NOT NULL,
  merchant_reference varchar(200) NOT NULL,
  currency char(3) NOT NULL,
  gross_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  at datetime(3) NOT NULL,
  report_name varchar(300) NOT NULL DEFAULT '',
  UNIQUE KEY sandbox_movements_once (provider, kind, provider_reference),
  KEY sandbox_movements_open (provider, report_name, at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sandbox_reports (
  provider varchar(100) NOT NULL,
  name varchar(300) NOT NULL,
  content mediumtext NOT NULL,
  made_at datetime(3) NOT NULL,
  PRIMARY KEY (provider, name)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
