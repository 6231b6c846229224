/** The mover as a process of its own, killed by SIGKILL before each of its steps, while two others book on the shard. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { openShardDirectory } from '@suuupra/platform/shards/directory-sql';
import { ShardMoving } from '@suuupra/platform/shards/follower';
import { leaseMs, type MoveStep, moveShard } from '@suuupra/platform/shards/move';
import type { Sql } from '@suuupra/platform/sql/sql';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { realWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerStores } from './adapters.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import { bookGate } from './shard-book.ts';
import { shardCopy } from './shard-copy.ts';
import { followShard } from './shard-follower.ts';
import { migrateBook } from './shards.ts';
import { verifyLedger } from './verify.ts';
import { orderOfNumber } from './writer-for-test.ts';

const mover = fileURLToPath(new URL('./mover-for-test.ts', import.meta.url));
const steps: MoveStep[] = ['prepare', 'copy', 'renew', 'close', 'finish', 'flip', 'open'];
/** The processes of the test believe that so much time has passed: a lease of the dead mover is over at once. */
const lateMs = 2 * leaseMs;

/** Told that the shard is being moved, a caller sends the same again. */
function comeBack(error: unknown): undefined {
  if (!(error instanceof ShardMoving)) throw error;
}

describe('a mover that is killed', () => {
  let urls: string[];
  let databases: Sql[];
  beforeEach(async () => {
    urls = [];
    for (let count = 0; count < 3; count += 1) urls.push(await freshDatabaseUrl('postgres'));
    databases = await Promise.all(urls.map(openTestSql));
  });
  afterEach(async () => {
    for (const sql of databases) await sql.close();
  });

  it.each(steps)(
    'before it could %s loses nothing that was acknowledged meanwhile',
    { timeout: 60_000 },
    async (step) => {
      const [own, a, b] = databases as [Sql, Sql, Sql];
      await migrateBook(a);
      const directory = await openShardDirectory(own, { shards: 1, placeOf: () => 'a', pinned: async () => [] });
      const at = (place: string) => (place === 'a' ? a : b);
      const open = async (_shard: number, place: string) => ({
        ...{ place, sql: at(place), ...ledgerStores(at(place)), gate: bookGate(at(place)) },
        nudge: () => {},
        close: async () => {},
      });
      let aheadMs = 0;
      const world = { now: () => Date.now() + aheadMs };
      const writers = [0, 1].map(() =>
        createLedgerWriter(followShard({ shard: 0, directory, open, world }).store, realWorld()),
      );
      const acknowledged = new Set<number>();
      let isOver = false;
      const load = writers.map(async (writer, index) => {
        for (let number = index; !isOver; ) {
          const submitted = await writer.submit([orderOfNumber('kill', number)]).catch(comeBack);
          if (submitted === undefined) continue;
          if (isRefusal(submitted)) throw new Error(submitted.detail);
          acknowledged.add(number);
          number += 2;
        }
      });
      const more = async (count: number) => {
        const wanted = acknowledged.size + count;
        while (acknowledged.size < wanted) await new Promise((resolve) => setImmediate(resolve));
      };
      await more(20);
      const dying = spawn(process.execPath, [mover, ...urls, step], { stdio: ['ignore', 'ignore', 'inherit'] });
      const [, signal] = (await once(dying, 'exit')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
      // Whatever it left, the shard is taken on by those who need it.
      aheadMs = lateMs;
      await more(20);
      const { place, move } = await directory.find(0);
      expect(place).toBe(step === 'open' ? 'b' : 'a');
      if (place === 'a') {
        const ends = { source: bookGate(a), target: bookGate(b) };
        const copy = shardCopy({ source: a, target: b, migrate: migrateBook });
        const parts = { directory, shard: 0, from: 'a', to: 'b', ...ends, copy, world: { ...realWorld(), ...world } };
        await moveShard({ ...parts, resume: move !== undefined });
      }
      await more(20);
      isOver = true;
      await Promise.all(load);
      for (const writer of writers) await writer.stop();
      const { store } = ledgerStores(b);
      expect(await verifyLedger(store)).toMatchObject({ intact: true });
      const identities = [...acknowledged].map((number) => ['adjustment', `kill-${number}`] as const);
      const { known } = await store.load({ identities, accounts: [], lineIds: [], targets: [] });
      expect(known.size).toBe(acknowledged.size);
      expect([await bookGate(a).epoch(), await bookGate(b).epoch()].map((epoch) => epoch > 0n)).toEqual([false, true]);
    },
  );
});
