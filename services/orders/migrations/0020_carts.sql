-- What each account means to buy: one row an account, at most 20 items. Nothing in it is money or a promise.
CREATE TABLE carts (
  owner_id text PRIMARY KEY,
  version integer NOT NULL CHECK (version >= 0),
  -- Items as they were asked for, in their order.
  items jsonb NOT NULL CHECK (jsonb_array_length(items) <= 20),
  coupon_code text NOT NULL DEFAULT '',
  changed_at timestamptz NOT NULL
);

-- Which order a version of a cart became: one, whatever comes at once (M26).
CREATE TABLE cart_checkouts (
  owner_id text NOT NULL,
  cart_version integer NOT NULL,
  order_id text NOT NULL UNIQUE,
  PRIMARY KEY (owner_id, cart_version)
);
