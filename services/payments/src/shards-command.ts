/**
 * `npm run shards:payments -- list | verify | move SHARD PLACE [--resume] | undo SHARD`, each with `--url postgres://… or
 * mysql://…` of the payments' own database (or SUUUPRA_PAYMENTS_URL), and with the same SUUUPRA_PAYMENTS_SHARDS and
 * SUUUPRA_PAYMENTS_PLACES as the platform.
 *
 * A shard moves while the platform serves. A move that was cut off is taken up with --resume, or undone: until then its source
 * goes on noting what changes. The old place keeps what it had, closed, until somebody removes its database. It ends with 0
 * when all is well, 1 when a shard has what is not its own, 2 when it could not be done.
 */
import { runShardsOf, type ShardDesk, type ShardedService, withPlaced } from '@suuupra/platform/shards/command';
import { openShardDatabase } from '@suuupra/platform/shards/database';
import type { ShardRow } from '@suuupra/platform/shards/directory';
import type { PlacedShard } from '@suuupra/platform/shards/follower';
import { openGate } from '@suuupra/platform/shards/gate-sql';
import type { Sql } from '@suuupra/platform/sql/sql';
import { endCopying, paymentsShardCopy } from './shard-copy.ts';
import { type ShardKeys, shardKeys } from './shard-key.ts';
import { migrateShard } from './shards.ts';

interface OpenedShard extends PlacedShard {
  readonly sql: Sql;
}

const paymentsShards: ShardedService<OpenedShard> = {
  name: 'payments',
  open: async ({ sql: own, settings }, shard, place) => {
    const { sql, close } = await openShardDatabase({ own, settings, migrate: migrateShard }, shard, place);
    return { place, sql, gate: await openGate(sql), close };
  },
  copy: (source, target) => paymentsShardCopy(source.sql, target.sql),
  tidy: ({ sql }) => endCopying(sql),
  verify,
};

/** Gives the exit code. */
export function runPaymentsShards(args: readonly string[], print: (line: string) => void): Promise<number> {
  return runShardsOf(paymentsShards, args, print);
}

/** Orders looked at in one read. */
const pageRows = 1_000;
const strangersShownMax = 20;

/** Every shard has the orders that are its own and no others. */
async function verify(desk: ShardDesk, rows: readonly ShardRow[]): Promise<number> {
  const keys = shardKeys(rows.length, await desk.directory.pins());
  let wrong = 0;
  for (const row of rows) {
    const isRight = await withPlaced(paymentsShards, desk, row, (placed) => verifyShard(placed, row, keys, desk.print));
    if (!isRight) wrong += 1;
  }
  if (wrong > 0) return 1;
  desk.print(`All ${rows.length} shards have their own payments.`);
  return 0;
}

async function verifyShard(
  { sql, gate }: OpenedShard,
  { shard, place }: ShardRow,
  keys: ShardKeys,
  print: (line: string) => void,
): Promise<boolean> {
  const isOpen = (await gate.epoch()) > 0n;
  let orders = 0;
  const strangers: string[] = [];
  for (let after = ''; ; ) {
    const found = await ordersAfter(sql, after);
    const last = found.at(-1);
    if (last === undefined) break;
    orders += found.length;
    strangers.push(...found.filter((orderId) => keys.ofOrder(orderId) !== shard));
    after = last;
  }
  const said = strangers.length === 0 ? '' : `, ${strangers.length} OF OTHER SHARDS`;
  print(`shard ${shard} on ${place}: ${isOpen ? 'open' : 'closed until it is needed'}, ${orders} orders${said}`);
  for (const orderId of strangers.slice(0, strangersShownMax))
    print(`  ${orderId} is of shard ${keys.ofOrder(orderId)}`);
  return strangers.length === 0;
}

async function ordersAfter(sql: Sql, after: string): Promise<readonly string[]> {
  const rows = await sql.query<{ order_id: string }>(
    `SELECT order_id FROM intents WHERE order_id > ${sql.dialect === 'mysql' ? '?' : '$1'} ORDER BY order_id LIMIT ${pageRows}`,
    [after],
  );
  return rows.map(({ order_id }) => order_id);
}

if (import.meta.main) process.exitCode = await runPaymentsShards(process.argv.slice(2), (line) => console.log(line));
