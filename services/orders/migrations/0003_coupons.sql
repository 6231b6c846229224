CREATE TABLE coupons (
  id text PRIMARY KEY,
  code text NOT NULL,
  -- How it is found.
  code_key text NOT NULL CONSTRAINT coupons_code_unique UNIQUE,
  percent_basis_points integer NOT NULL CHECK (percent_basis_points BETWEEN 0 AND 10000),
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  amount_currency text NOT NULL,
  scope text NOT NULL CHECK (scope IN ('all', 'courses', 'instructor')),
  course_ids text[] NOT NULL,
  instructor_id text NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_until timestamptz,
  uses_max integer NOT NULL,
  uses_per_buyer_max integer NOT NULL,
  minimum_minor bigint NOT NULL,
  minimum_currency text NOT NULL,
  -- Counted under this row's lock, with coupon_uses.
  uses integer NOT NULL DEFAULT 0 CHECK (uses >= 0 AND (uses_max = 0 OR uses <= uses_max)),
  withdrawn boolean NOT NULL DEFAULT false,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  CHECK ((percent_basis_points > 0) <> (amount_minor > 0))
);
CREATE INDEX coupons_by_time ON coupons (created_at DESC, id DESC);
CREATE INDEX coupons_by_owner ON coupons (created_by, created_at DESC, id DESC);

-- A use that an order holds. Given back, it is gone.
CREATE TABLE coupon_uses (
  order_id text PRIMARY KEY,
  coupon_id text NOT NULL REFERENCES coupons (id),
  buyer_id text NOT NULL
);
CREATE INDEX coupon_uses_by_buyer ON coupon_uses (coupon_id, buyer_id);
