/** The read model from the events, anew. */
import { retrying, type Sql } from '@suuupra/platform/sql/sql';
import { viewOf, viewVersion } from './order-view.ts';
import { readStream, writeView } from './store.ts';

/** Orders rebuilt in one transaction: their rows are locked for so long. */
const batchMax = 200;

/**
 * Rebuilds every row of `orders` from its stream, while orders go on: a row is locked while it is rebuilt. Gives the
 * number of orders.
 */
export async function rebuildOrders(sql: Sql): Promise<number> {
  let after = '';
  for (let rebuilt = 0; ; ) {
    const rows = await sql.query<{ stream_id: string }>(
      'SELECT stream_id FROM order_events WHERE version = 1 AND stream_id > $1 ORDER BY stream_id LIMIT $2',
      [after, batchMax],
    );
    const ids = rows.map((row) => row.stream_id);
    await retrying(() => rebuildBatch(sql, ids));
    rebuilt += ids.length;
    if (ids.length < batchMax) return rebuilt;
    after = ids.at(-1) ?? after;
  }
}

async function rebuildBatch(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM orders WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE', [ids]);
    for (const id of ids) {
      const loaded = await readStream(tx, id);
      if (loaded !== undefined) await writeView(tx, viewOf(loaded.order, loaded.version));
    }
  });
}

/** Brings the rows to this program's version of the projection, if they are of another. */
export async function rebuildWhenOutdated(sql: Sql): Promise<void> {
  const [row] = await sql.query<{ version: number }>("SELECT version FROM projections WHERE name = 'orders'");
  if (row?.version === viewVersion) return;
  await rebuildOrders(sql);
  await sql.execute(
    `INSERT INTO projections (name, version) VALUES ('orders', $1)
     ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version`,
    [viewVersion],
  );
}
