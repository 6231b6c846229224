/**
 * The peer written for the bench: a double-entry ledger as plain SQL does it best, one transfer a transaction.
 *
 * The scheme is that of pgledger (github.com/pgr0ss/pgledger): accounts with a current balance and a version, a transfers
 * row, two entries with the balance before and after, all in one function call; both account rows are locked in the order
 * of their ids so that transfers cannot deadlock. Written anew from that description; none of its code is here. Like the
 * ledger it is compared with it keeps history, refuses what would break a limit, and is durable when it answers.
 */
import pg from 'pg';

const scheme = `
CREATE TABLE accounts (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  currency text NOT NULL,
  balance bigint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 0,
  allow_negative boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE transfers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_account bigint NOT NULL REFERENCES accounts,
  to_account bigint NOT NULL REFERENCES accounts,
  amount bigint NOT NULL CHECK (amount > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (from_account <> to_account)
);
CREATE TABLE entries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id bigint NOT NULL REFERENCES accounts,
  transfer_id bigint NOT NULL REFERENCES transfers,
  amount bigint NOT NULL,
  previous_balance bigint NOT NULL,
  current_balance bigint NOT NULL,
  account_version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX entries_account ON entries (account_id, account_version);
CREATE INDEX entries_transfer ON entries (transfer_id);
CREATE FUNCTION create_transfer(from_id bigint, to_id bigint, moved bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  payer accounts;
  payee accounts;
  made bigint;
BEGIN
  -- In the order of ids, so that two transfers between the same accounts cannot wait for each other.
  PERFORM 1 FROM accounts WHERE id IN (from_id, to_id) ORDER BY id FOR UPDATE;
  UPDATE accounts SET balance = balance - moved, version = version + 1, updated_at = now() WHERE id = from_id RETURNING * INTO payer;
  UPDATE accounts SET balance = balance + moved, version = version + 1, updated_at = now() WHERE id = to_id RETURNING * INTO payee;
  IF payer.currency <> payee.currency THEN RAISE EXCEPTION 'currencies differ'; END IF;
  IF payer.balance < 0 AND NOT payer.allow_negative THEN RAISE EXCEPTION 'balance would be below zero'; END IF;
  INSERT INTO transfers (from_account, to_account, amount) VALUES (from_id, to_id, moved) RETURNING id INTO made;
  INSERT INTO entries (account_id, transfer_id, amount, previous_balance, current_balance, account_version) VALUES
    (from_id, made, -moved, payer.balance + moved, payer.balance, payer.version),
    (to_id, made, moved, payee.balance - moved, payee.balance, payee.version);
  RETURN made;
END
$$;`;

export interface PlainLedger {
  /** One transaction, durable when it resolves. */
  transfer(from: number, to: number, amountMinor: bigint): Promise<void>;
  /** Throws when balances do not add up to zero, or differ from the sum of their entries. */
  assertConserved(): Promise<void>;
  close(): Promise<void>;
}

/** Makes the scheme in an empty database, with accounts 0 to `accounts - 1`. */
export async function openPlainLedger(
  databaseUrl: string,
  accounts: number,
  connections: number,
): Promise<PlainLedger> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: connections });
  await pool.query(scheme);
  await pool.query(
    `INSERT INTO accounts (id, name, currency, allow_negative) SELECT id, 'account ' || id, 'INR', true FROM generate_series(0, $1 - 1) AS id`,
    [accounts],
  );
  return {
    transfer: async (from, to, amountMinor) => {
      const values = [from, to, amountMinor];
      await pool.query({ name: 'transfer', text: 'SELECT create_transfer($1, $2, $3)', values });
    },
    assertConserved: async () => {
      const { rows } = await pool.query(
        `SELECT (SELECT coalesce(sum(balance), 0) FROM accounts) AS sum,
           (SELECT count(*) FROM accounts WHERE balance <> coalesce((SELECT sum(amount) FROM entries WHERE account_id = accounts.id), 0)) AS wrong`,
      );
      if (String(rows[0]?.sum) !== '0' || String(rows[0]?.wrong) !== '0')
        throw new Error(`the plain ledger does not add up: ${JSON.stringify(rows[0])}`);
    },
    close: () => pool.end(),
  };
}
