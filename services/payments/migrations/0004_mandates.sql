-- Standing permissions of buyers to be charged again. The token they were made of is not kept: the provider holds it.
CREATE TABLE mandates (
  id text PRIMARY KEY,
  buyer_id text NOT NULL,
  provider text NOT NULL,
  reference text NOT NULL DEFAULT '',
  method text NOT NULL CHECK (method IN ('card', 'upi')),
  umn text NOT NULL DEFAULT '',
  currency text NOT NULL,
  amount_max_minor bigint NOT NULL CHECK (amount_max_minor > 0),
  status text NOT NULL CHECK (status IN ('pending', 'active', 'paused', 'revoked', 'failed', 'expired')),
  action jsonb,
  failure_code text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  moved_at timestamptz NOT NULL,
  valid_until timestamptz,
  -- A change that the provider has not answered to: {kind, amountMaxMinor?}.
  pending jsonb,
  due_at timestamptz,
  tries integer NOT NULL DEFAULT 0
);
CREATE INDEX mandates_by_buyer ON mandates (buyer_id, created_at DESC, id DESC);
CREATE INDEX mandates_due ON mandates (due_at) WHERE due_at IS NOT NULL;
