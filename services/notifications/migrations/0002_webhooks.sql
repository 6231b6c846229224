-- Where events are sent to. Secrets are sealed with a key of the keyring.
CREATE TABLE webhook_endpoints (
  id text PRIMARY KEY,
  url text NOT NULL,
  description text NOT NULL,
  -- Empty: all.
  event_types text[] NOT NULL,
  secret_sealed text NOT NULL,
  -- Signs along until it ends.
  old_secret_sealed text NOT NULL DEFAULT '',
  old_secret_until timestamptz,
  status text NOT NULL CHECK (status IN ('enabled', 'disabled')),
  disabled_because text NOT NULL DEFAULT '',
  failing_since timestamptz,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL
);

-- What is to be sent, once for all endpoints that take it; the bytes that are signed.
CREATE TABLE webhook_messages (
  event_id text PRIMARY KEY,
  type text NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX webhook_messages_created ON webhook_messages USING brin (created_at);

CREATE TABLE webhook_deliveries (
  id text PRIMARY KEY,
  endpoint_id text NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
  event_id text NOT NULL REFERENCES webhook_messages (event_id) ON DELETE CASCADE,
  status text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
  -- Tries since it was made or last replayed: the place in the schedule.
  tries int NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  due_at timestamptz,
  UNIQUE (endpoint_id, event_id),
  CHECK ((status = 'pending') = (due_at IS NOT NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event_id);

CREATE TABLE webhook_tries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  delivery_id text NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
  at timestamptz NOT NULL,
  http_status int NOT NULL,
  problem text NOT NULL,
  duration_ms int NOT NULL
);
CREATE INDEX webhook_tries_by_delivery ON webhook_tries (delivery_id, id DESC);
