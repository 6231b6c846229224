/**
 * The read model from the events, anew: in place, as a repair; or beside the one that serves, which it replaces once it is
 * verified to tell the same of the money.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { retrying, type Sql, type SqlExecutor, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { viewOf, viewVersion } from './order-view.ts';
import { readStreamWhole, writeView } from './store.ts';

/** Orders rebuilt in one transaction: their rows are locked for so long. */
const batchMax = 200;
/** Where the next version is built; no request reads it. */
const shadow = 'orders_next';
/** Rounds of catching up with orders that go on, before the rest is done under the lock of the switch. */
const roundsMax = 5;

/**
 * Rebuilds every row of `orders` from its stream, while orders go on: a row is locked while it is rebuilt. Gives the
 * number of orders.
 */
export async function rebuildOrders(sql: Sql): Promise<number> {
  return everyStream(sql, (ids) =>
    sql.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM orders WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE', [ids]);
      for (const id of ids) await rebuildOne(tx, id, 'orders');
    }),
  );
}

async function everyStream(sql: Sql, rebuild: (ids: readonly string[]) => Promise<void>): Promise<number> {
  let after = '';
  for (let rebuilt = 0; ; ) {
    const rows = await sql.query<{ stream_id: string }>(
      'SELECT stream_id FROM order_events WHERE version = 1 AND stream_id > $1 ORDER BY stream_id LIMIT $2',
      [after, batchMax],
    );
    const ids = rows.map((row) => row.stream_id);
    await retrying(() => rebuild(ids));
    rebuilt += ids.length;
    if (ids.length < batchMax) return rebuilt;
    after = ids.at(-1) ?? after;
  }
}

async function rebuildOne(tx: SqlExecutor, orderId: string, table: 'orders' | typeof shadow): Promise<void> {
  const loaded = await readStreamWhole(tx, orderId);
  if (loaded !== undefined) await writeView(tx, viewOf(loaded.order, loaded.version), table);
}

/** Looks this often whether another process has finished what it rebuilds. */
const lookAgainMs = 200;

/**
 * Brings the rows to this program's version of the projection, if they are of another; when another process is at it,
 * waits until it is done. Gives whether it did it itself.
 */
export async function rebuildWhenOutdated(sql: Sql): Promise<boolean> {
  for (;;) {
    const [row] = await sql.query<{ version: number }>("SELECT version FROM projections WHERE name = 'orders'");
    if (row?.version === viewVersion) return false;
    const lock = await sql.tryLock('orders read model');
    if (lock === undefined) {
      await delay(lookAgainMs);
      continue;
    }
    try {
      await swapOrders(sql);
      return true;
    } finally {
      await lock.release();
    }
  }
}

/** A difference in what was sold, paid and given back: the rows that serve stay. */
export class ProjectionDiffers extends Error {}

/**
 * Builds the rows beside those that serve and puts them in their place. Orders go on meanwhile, but for the moment of the
 * switch itself, which rebuilds what they have changed since. Throws ProjectionDiffers, and leaves all as it was, when the
 * two do not agree on an order's total, or on what was given back.
 */
export async function swapOrders(sql: Sql): Promise<void> {
  await sql.transaction(async (tx) => {
    await tx.execute(`DROP TABLE IF EXISTS ${shadow}`);
    await tx.execute(`CREATE TABLE ${shadow} (LIKE orders INCLUDING ALL)`);
  });
  await everyStream(sql, (ids) =>
    sql.transaction(async (tx) => {
      for (const id of ids) await rebuildOne(tx, id, shadow);
    }),
  );
  for (let round = 1; round <= roundsMax && (await catchUp(sql)) > 0; round += 1);
  await retrying(() => sql.transaction(switchTables));
}

/** Rebuilds what is behind its stream; gives how many were. */
async function catchUp(executor: SqlExecutor): Promise<number> {
  const behind = await executor.query<{ stream_id: string }>(
    `SELECT e.stream_id FROM (SELECT stream_id, max(version) AS version FROM order_events GROUP BY stream_id) AS e
     LEFT JOIN ${shadow} AS n ON n.id = e.stream_id WHERE n.version IS DISTINCT FROM e.version`,
  );
  for (const { stream_id: id } of behind) await rebuildOne(executor, id, shadow);
  return behind.length;
}

async function switchTables(tx: SqlTransaction): Promise<void> {
  // Whoever writes holds a row of `orders` or inserts one, so nobody writes between this lock and the end.
  await tx.execute('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
  await catchUp(tx);
  await verify(tx);
  await tx.execute('DROP TABLE orders');
  await tx.execute(`ALTER TABLE ${shadow} RENAME TO orders`);
  await nameAsBefore(tx);
  await tx.execute(
    `INSERT INTO projections (name, version) VALUES ('orders', $1)
     ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version`,
    [viewVersion],
  );
}

/** Every row that serves stands for the same money in the new rows. A row that was lost is no difference. */
async function verify(tx: SqlTransaction): Promise<void> {
  const [differing] = await tx.query<{ id: string }>(
    `SELECT o.id FROM orders AS o LEFT JOIN ${shadow} AS n ON n.id = o.id
     WHERE n.id IS NULL OR (o.version = n.version AND (o.buyer_id, o.currency, o.total_minor, o.refunded_minor)
       IS DISTINCT FROM (n.buyer_id, n.currency, n.total_minor, n.refunded_minor))
     LIMIT 1`,
  );
  if (differing !== undefined)
    throw new ProjectionDiffers(`the order ${differing.id} differs between the rows that serve and those built anew`);
}

/** The constraint whose name the program knows. */
async function nameAsBefore(tx: SqlTransaction): Promise<void> {
  const [row] = await tx.query<{ conname: string }>(
    `SELECT conname FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype = 'u' AND conname <> $1`,
    ['orders_number_unique'],
  );
  if (row !== undefined)
    await tx.execute(`ALTER TABLE orders RENAME CONSTRAINT "${row.conname}" TO orders_number_unique`);
}
