CREATE TABLE plans (
  id text PRIMARY KEY,
  owner_id text NOT NULL,
  terms jsonb NOT NULL,
  course_ids text[] NOT NULL,
  retired boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL
);
CREATE INDEX plans_on_sale ON plans (created_at DESC, id DESC) WHERE NOT retired;
CREATE INDEX plans_by_course ON plans USING gin (course_ids);

CREATE TABLE subscriptions (
  id text PRIMARY KEY,
  buyer_id text NOT NULL,
  plan_id text NOT NULL REFERENCES plans (id),
  status text NOT NULL CHECK (status IN ('incomplete', 'trialing', 'active', 'past_due', 'ended')),
  had_trial boolean NOT NULL,
  -- All of it; the columns beside are for finding it.
  state jsonb NOT NULL,
  -- When something is due: a bill, a charge, an end. Absent when it has ended.
  due_at timestamptz,
  created_at timestamptz NOT NULL,
  CHECK ((status = 'ended') = (due_at IS NULL))
);
CREATE UNIQUE INDEX subscriptions_one ON subscriptions (buyer_id, plan_id) WHERE status <> 'ended';
CREATE INDEX subscriptions_by_buyer ON subscriptions (buyer_id, created_at DESC, id DESC);
CREATE INDEX subscriptions_newest ON subscriptions (created_at DESC, id DESC);
CREATE INDEX subscriptions_due ON subscriptions (due_at);

-- The order of a bill has an id made of subscription and period: this key is what refuses a second bill for a period.
CREATE TABLE subscription_bills (
  order_id text PRIMARY KEY,
  subscription_id text NOT NULL REFERENCES subscriptions (id),
  kind text NOT NULL CHECK (kind IN ('renewal', 'plan_change')),
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  credit_used_minor bigint NOT NULL CHECK (credit_used_minor >= 0),
  status text NOT NULL CHECK (status IN ('open', 'paid', 'failed', 'void')),
  tries integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL
);
CREATE INDEX subscription_bills_of ON subscription_bills (subscription_id, created_at DESC, order_id DESC);
CREATE UNIQUE INDEX subscription_bills_one_open ON subscription_bills (subscription_id) WHERE status = 'open';
