/** What moving a shard promises on every engine that a book may be on: real databases, a real load, movers that die. */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { ShardDirectory } from '@suuupra/platform/shards/directory';
import { openShardDirectory } from '@suuupra/platform/shards/directory-sql';
import {
  CopyDiffers,
  MoveLost,
  type MoveParts,
  type MoveStep,
  moveShard,
  undoMove,
} from '@suuupra/platform/shards/move';
import type { Sql } from '@suuupra/platform/sql/sql';
import { realWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerStores } from './adapters.ts';
import type { LedgerCommand } from './command.ts';
import type { CommandResult } from './ledger.ts';
import { createLedgerWriter, type LedgerWriter } from './ledger-writer.ts';
import { bookGate, type ShardBook } from './shard-book.ts';
import { shardCopy } from './shard-copy.ts';
import { followShard, type ShardFollower } from './shard-follower.ts';
import { migrateBook } from './shards.ts';
import { randomCommands } from './simulation-commands.ts';
import { seededRandom } from './simulation-random.ts';
import { verifyLedger } from './verify.ts';

const world = realWorld();
const places = ['a', 'b', 'c'] as const;
type Place = (typeof places)[number];

class Killed extends Error {}

/** `openDatabase` gives a fresh, empty database. */
export function shardMoveContract(name: string, openDatabase: () => Promise<Sql>): void {
  describe(`moving a shard on ${name}`, () => {
    let directory: ShardDirectory;
    let databases: Readonly<Record<Place, Sql>>;
    const opened: Sql[] = [];
    const writers: { writer: LedgerWriter; follower: ShardFollower }[] = [];

    beforeEach(async () => {
      const own = await openDatabase();
      opened.push(own);
      const entries: [Place, Sql][] = [];
      for (const place of places) entries.push([place, await openDatabase()]);
      databases = Object.fromEntries(entries) as Record<Place, Sql>;
      opened.push(...Object.values(databases));
      await migrateBook(databases.a);
      directory = await openShardDirectory(own, { shards: 1, placeOf: () => 'a', pinned: async () => [] });
    });
    afterEach(async () => {
      for (const { writer } of writers.splice(0)) await writer.stop();
      for (const sql of opened.splice(0)) await sql.close();
    });

    const bookOn = async (place: Place): Promise<ShardBook> => {
      const sql = databases[place];
      return { place, sql, ...ledgerStores(sql), gate: bookGate(sql), nudge: () => {}, close: async () => {} };
    };
    /** A process of its own: it remembers its own place of the shard. */
    const startProcess = (clock = world.now) => {
      const open = (_shard: number, place: string) => bookOn(place as Place);
      const follower = followShard({ shard: 0, directory, open, world: { now: clock } });
      const started = { writer: createLedgerWriter(follower.store, world), follower };
      writers.push(started);
      return started;
    };
    const partsOf = (from: Place, to: Place): MoveParts => ({
      ...{ directory, shard: 0, from, to, world },
      source: bookGate(databases[from]),
      target: bookGate(databases[to]),
      copy: shardCopy({ source: databases[from], target: databases[to], migrate: migrateBook }),
    });
    const transfer = (cause: string): LedgerCommand => ({
      ...{ type: 'book', kind: 'adjustment', cause, reference: 'move', description: 'Move', currency: 'INR' },
      transfers: [{ debit: '1000', credit: `2200:usr_${cause.length}`, amount: 3n }],
    });
    const book = async (
      { writer }: { writer: LedgerWriter },
      ...causes: string[]
    ): Promise<readonly CommandResult[]> => {
      const submitted = await writer.submit(causes.map(transfer));
      if (isRefusal(submitted)) throw new Error(submitted.detail);
      return submitted.results;
    };
    const ownerIs = async (place: Place, journals: bigint) => {
      expect(await directory.find(0)).toMatchObject({ place });
      expect(await verifyLedger((await bookOn(place)).store)).toMatchObject({ intact: true, journals });
      const open = await Promise.all(
        places.map(async (each) => {
          const epoch = await bookGate(databases[each])
            .epoch()
            .catch(() => -1n);
          return epoch > 0n ? [each] : [];
        }),
      );
      expect(open.flat()).toEqual([place]);
    };

    it('takes a book of every kind of command there, and back again with what came since', async () => {
      const process = startProcess();
      const random = seededRandom(11);
      for (let number = 0; number < 150; number += 1)
        await process.writer.submit(randomCommands(random, number, BigInt(world.now()) * 1_000n));
      expect(await verifyLedger((await bookOn('a')).store)).toMatchObject({ intact: true });
      const there = await moveShard(partsOf('a', 'b'));
      expect(there.pauseMs).toBeGreaterThan(0);
      for (let number = 150; number < 220; number += 1)
        await process.writer.submit(randomCommands(random, number, BigInt(world.now()) * 1_000n));
      const verified = await verifyLedger((await bookOn('b')).store);
      expect(verified).toMatchObject({ intact: true });
      await moveShard(partsOf('b', 'a'));
      await ownerIs('a', verified.journals);
    });

    it('loses and doubles nothing that is booked by two processes while it moves', async () => {
      const processes = [startProcess(), startProcess()];
      const answered = new Map<string, string>();
      let isOver = false;
      const load = processes.map(async (process, at) => {
        for (let number = 0; !isOver; number += 1) {
          const cause = `load-${at}-${number}`;
          const [result] = await book(process, cause);
          answered.set(cause, result?.kind ?? '');
        }
      });
      const booked = async (more: number) => {
        const wanted = answered.size + more;
        while (answered.size < wanted) await new Promise((resolve) => setImmediate(resolve));
      };
      await booked(50);
      await moveShard(partsOf('a', 'b'));
      await booked(50);
      await moveShard(partsOf('b', 'c'));
      await booked(50);
      isOver = true;
      await Promise.all(load);
      expect(new Set(answered.values())).toEqual(new Set(['posted']));
      await ownerIs('c', BigInt(answered.size));
      const again = await book(startProcess(), ...answered.keys());
      expect(new Set(again.map(({ kind }) => kind))).toEqual(new Set(['duplicate']));
    });

    const steps: MoveStep[] = ['register', 'prepare', 'copy', 'compare', 'renew', 'close', 'finish', 'flip', 'open'];
    it.each(steps)(
      'has one owner after a mover that died before it could %s, and goes on when it is resumed',
      async (step) => {
        const process = startProcess();
        await book(process, 'before');
        const at = async (now: MoveStep) => {
          if (now === step) throw new Killed();
        };
        // What a mover does about a step that fails is none of what a dead one does.
        const dead = { ...directory, undo: () => Promise.reject(new Killed()) };
        await expect(moveShard({ ...partsOf('a', 'b'), directory: dead, at })).rejects.toThrow(Killed);
        const late = startProcess(() => Date.now() + 60_000);
        await book(late, 'after');
        const { place, move } = await directory.find(0);
        expect(place).toBe(step === 'open' ? 'b' : 'a');
        await ownerIs(place as Place, 2n);
        if (place === 'a') await moveShard({ ...partsOf('a', 'b'), resume: move !== undefined });
        await book(process, 'later');
        await ownerIs('b', 3n);
      },
    );

    it('is undone by the operator before the flip, and its mover changes nothing any more', async () => {
      const process = startProcess();
      await book(process, 'before');
      const at = async (step: MoveStep) => {
        if (step !== 'flip') return;
        expect(await undoMove(directory, 0, bookGate(databases.a))).toBe(true);
        await book(process, 'meanwhile');
      };
      await expect(moveShard({ ...partsOf('a', 'b'), at })).rejects.toThrow(MoveLost);
      await ownerIs('a', 2n);
    });

    it('keeps a mover that was overtaken from writing into the copy that serves', async () => {
      const process = startProcess();
      await book(process, 'before');
      const slow = partsOf('a', 'b');
      const token = await slow.copy.prepare(async () => {});
      await book(process, 'meanwhile');
      await moveShard(partsOf('a', 'b'));
      await book(process, 'after');
      await expect(slow.copy.finish(token)).rejects.toThrow('serves already');
      await ownerIs('b', 3n);
    });

    it('is not moved from where it is no more, by a mover that looked too early', async () => {
      const process = startProcess();
      await book(process, 'before');
      const early = partsOf('a', 'b');
      await moveShard(partsOf('a', 'c'));
      await book(process, 'after');
      await expect(moveShard(early)).rejects.toThrow('is on c, not on a');
      await ownerIs('c', 2n);
    });

    it('stays where it is when the copy was tampered with', async () => {
      const process = startProcess();
      await book(process, 'before');
      const at = async (step: MoveStep) => {
        if (step === 'finish') await databases.b.execute('UPDATE account_totals SET debit_minor = debit_minor + 1');
      };
      await expect(moveShard({ ...partsOf('a', 'b'), at })).rejects.toThrow(CopyDiffers);
      await book(process, 'after');
      await ownerIs('a', 2n);
    });

    it('does not copy over another book', async () => {
      await book(startProcess(), 'before');
      await migrateBook(databases.b);
      const other = createLedgerWriter((await bookOn('b')).store, world);
      await other.submit([transfer('another')]);
      await other.stop();
      await expect(moveShard(partsOf('a', 'b'))).rejects.toThrow('another book');
    });

    it('takes along what was not told yet, in its order', async () => {
      await book(startProcess(), 'before');
      for (const text of ['first', 'second'])
        await databases.a.execute(
          `INSERT INTO outbox (topic, envelope) VALUES (${databases.a.dialect === 'mysql' ? '?, ?' : '$1, $2'})`,
          ['ledger', Buffer.from(text)],
        );
      await moveShard(partsOf('a', 'b'));
      const rows = await databases.b.query<{ envelope: Buffer }>('SELECT envelope FROM outbox ORDER BY id');
      expect(rows.map(({ envelope }) => envelope.toString())).toEqual(['first', 'second']);
    });

    it('tells a reader of the old place the new state', async () => {
      const [reader, process] = [startProcess(), startProcess()];
      await book(reader, 'before');
      await moveShard(partsOf('a', 'b'));
      await book(process, 'after');
      const head = await reader.follower.store.reading((at) => at.head());
      expect(head.journalSequence).toBe(2n);
    });
  });
}
