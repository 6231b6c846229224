-- One intent an order: what is to be paid, and whether it was. Its row is the lock of everything below it.
CREATE TABLE intents (
  order_id text PRIMARY KEY,
  -- Empty for an intent that was closed before anybody tried to pay.
  buyer_id text NOT NULL,
  order_number text NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  status text NOT NULL CHECK (status IN ('open', 'captured', 'cancelled')),
  captured_attempt_id text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  CHECK ((status = 'captured') = (captured_attempt_id <> ''))
);

-- One try to pay. The id is the provider's idempotency key; the row is durable before the provider hears of it.
CREATE TABLE attempts (
  id text PRIMARY KEY,
  order_id text NOT NULL REFERENCES intents (order_id),
  status text NOT NULL
    CHECK (status IN ('requires_action', 'processing', 'succeeded', 'failed', 'unknown', 'cancelled')),
  method text NOT NULL CHECK (method IN ('card', 'upi')),
  provider text NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  -- What the payer has to do: {type, url, uri, expiresAtMs}.
  action jsonb,
  failure_code text NOT NULL DEFAULT '',
  failure_detail text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  -- Since when it has this status.
  moved_at timestamptz NOT NULL,
  settled_at timestamptz,
  -- When the provider is asked for the state of an attempt that is not settled.
  sync_due_at timestamptz,
  sync_tries integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX attempts_one_captured ON attempts (order_id) WHERE status = 'succeeded';
CREATE UNIQUE INDEX attempts_one_live ON attempts (order_id)
  WHERE status IN ('requires_action', 'processing', 'unknown');
CREATE INDEX attempts_by_order ON attempts (order_id, created_at DESC, id DESC);
CREATE INDEX attempts_sync_due ON attempts (sync_due_at) WHERE sync_due_at IS NOT NULL;

-- Every status an attempt or a refund has had, and what brought it there. Only ever added to.
CREATE TABLE payment_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject_id text NOT NULL,
  status text NOT NULL,
  -- request, answer, sync, webhook, cancel, superseded.
  because text NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX payment_history_by_subject ON payment_history (subject_id, id);

-- Money on its way back: asked for by orders, or a late payment that nobody wanted any more.
CREATE TABLE refunds (
  id text PRIMARY KEY,
  order_id text NOT NULL REFERENCES intents (order_id),
  attempt_id text NOT NULL REFERENCES attempts (id),
  kind text NOT NULL CHECK (kind IN ('requested', 'late')),
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  status text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  failure_code text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  due_at timestamptz,
  tries integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX refunds_one_late ON refunds (attempt_id) WHERE kind = 'late';
CREATE INDEX refunds_by_order ON refunds (order_id);
CREATE INDEX refunds_by_attempt ON refunds (attempt_id);
CREATE INDEX refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE disputes (
  id text PRIMARY KEY,
  order_id text NOT NULL REFERENCES intents (order_id),
  attempt_id text NOT NULL REFERENCES attempts (id),
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  status text NOT NULL CHECK (status = 'opened'),
  opened_at timestamptz NOT NULL
);
CREATE INDEX disputes_by_order ON disputes (order_id);
CREATE INDEX disputes_by_attempt ON disputes (attempt_id);

-- What providers told us, as it came; acknowledged when it is here, applied after.
CREATE TABLE webhook_inbox (
  provider text NOT NULL,
  event_id text NOT NULL,
  body bytea NOT NULL,
  received_at timestamptz NOT NULL,
  -- Null when it is applied, or given up.
  due_at timestamptz,
  tries integer NOT NULL DEFAULT 0,
  -- kept, applied, given_up.
  status text NOT NULL DEFAULT 'kept' CHECK (status IN ('kept', 'applied', 'given_up')),
  PRIMARY KEY (provider, event_id)
);
CREATE INDEX webhook_inbox_due ON webhook_inbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_inbox_received ON webhook_inbox USING brin (received_at);
