/**
 * Real faults: the writer's process and the database's are killed with -9 under load, the disk is full, locks cross. In the
 * end every answer that was given is still true and the book is whole. What kill -9 does not show: a disk that forgets what
 * it said it has (a power cut); that is not tested.
 *
 * SUUUPRA_SEEDS makes it as many rounds; the points take turns, from SUUUPRA_SEED on.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Sql, SqlFault } from '@suuupra/platform/sql/sql';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@suuupra/platform/sql/sql-embedded';
import { openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { realWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LedgerCommand } from './command.ts';
import type { CommandResult } from './ledger.ts';
import { createLedgerWriter, type LedgerWriter } from './ledger-writer.ts';
import { postgresLedger } from './store-postgres.ts';
import { verifyLedger } from './verify.ts';
import { type Answered, answeredOf, orderOfNumber } from './writer-for-test.ts';

const migrations = fileURLToPath(new URL('../migrations/', import.meta.url));
const program = fileURLToPath(new URL('./writer-for-test.ts', import.meta.url));
const rounds = Number(process.env['SUUUPRA_SEEDS'] ?? 2);
const firstSeed = Number(process.env['SUUUPRA_SEED'] ?? Date.now() % 1_000);
const roundMsMax = 60_000;
const batchMax = 500;
/** Of the writer's process before it is killed from outside; each point was passed by then many times. */
const answersBefore = 300;

/** Where the writer kills itself; '' where it is killed from outside, in the middle of whatever it does. */
const points = [
  '',
  'queued',
  'prefetched',
  'applied',
  'after fence',
  'after accounts',
  'after journals',
  'after rejections',
  'after accounts changed',
  'before told',
  'before commit',
  'after commit',
  'before answer',
];

async function freshBook(url: string): Promise<Sql> {
  const sql = await openPostgres({ url });
  await sql.migrate(migrations);
  return sql;
}

/** Every answer is given again, the same; and the integrity check finds nothing. */
async function expectKept(sql: Sql, ids: string, answered: readonly Answered[]): Promise<void> {
  const writer = createLedgerWriter(postgresLedger(sql), realWorld());
  for (let from = 0; from < answered.length; from += batchMax) {
    const part = answered.slice(from, from + batchMax);
    const again = await writer.submit(part.map(({ number }) => orderOfNumber(ids, number)));
    if (isRefusal(again)) throw new Error(again.detail);
    const kept = part.map((one) => ({ ...one, kind: one.kind === 'posted' ? 'duplicate' : one.kind }));
    expect(again.results.map((result, index) => answeredOf(part[index]?.number ?? 0, result))).toEqual(kept);
  }
  await writer.stop();
  expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true });
}

/** Runs the program on the database until it is dead; gives what it was answered before. */
async function bookUntilKilled(url: string, ids: string, point: string, seed: number): Promise<Answered[]> {
  const child = spawn(process.execPath, [program, url, ids, point, String(1 + (seed % 7))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const answered: Answered[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line may be cut off.
    if (line.endsWith('}')) answered.push(JSON.parse(line) as Answered);
    // Also where it does not come by the point so often: a queue that never runs empty is begun once.
    if (answered.length > answersBefore + (seed % 300)) child.kill('SIGKILL');
  }
  const [, signal] = await exited;
  expect(signal).toBe('SIGKILL');
  return answered;
}

describe('the process of the writer is killed with -9 under load', () => {
  it(`C1 M7 M8: ${rounds} rounds, SUUUPRA_SEED=${firstSeed}`, { timeout: rounds * roundMsMax }, async () => {
    const url = await freshDatabaseUrl('postgres');
    const sql = await freshBook(url);
    for (let seed = firstSeed; seed < firstSeed + rounds; seed += 1) {
      const ids = `r${seed}`;
      const answered = await bookUntilKilled(url, ids, points[seed % points.length] ?? '', seed);
      await expectKept(sql, ids, answered);
    }
    await sql.close();
  });
});

/** Several callers book one command after the other, each again and again until it is answered. Gives the answers. */
async function bookThrough(writer: LedgerWriter, ids: string, until: AbortSignal): Promise<Answered[]> {
  const answered: Answered[] = [];
  const callers = [0, 1, 2, 3].map(async (first) => {
    for (let number = first; !until.aborted; number += 4)
      answered.push(answeredOf(number, await sendUntilAnswered(writer, orderOfNumber(ids, number))));
  });
  await Promise.all(callers);
  return answered;
}

async function sendUntilAnswered(writer: LedgerWriter, order: LedgerCommand): Promise<CommandResult> {
  for (;;) {
    const submitted = await writer.submit([order]).catch((error: unknown) => {
      expect(error).toMatchObject({ name: 'SqlFault' });
      return undefined;
    });
    const [result] = submitted === undefined || isRefusal(submitted) ? [] : submitted.results;
    if (result !== undefined) return result;
    await delay(50);
  }
}

describe('on a database of its own, with all its promises', () => {
  let folder: string;
  let mounted = false;
  let server: EmbeddedPostgres | undefined;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-crash-'));
    chmodSync(folder, 0o755);
    mounted = false;
    server = undefined;
  });
  afterEach(async () => {
    await server?.stop();
    if (mounted) spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });

  let restarted = () => {};
  const nextRestart = () =>
    new Promise<void>((resolve) => {
      restarted = resolve;
    });

  async function start(): Promise<string> {
    const data = path.join(folder, 'postgres');
    mkdirSync(data, { recursive: true });
    const onChange = (change: string) => change === 'restarted' && restarted();
    server = await startEmbeddedPostgres({ folder: data, password: 'crash', onChange });
    return server.database('book');
  }

  function postmasterId(): number {
    return Number(readFileSync(path.join(folder, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  it(`C2 M8: the database is killed ${rounds} times under load, and nothing acknowledged is lost`, {
    timeout: rounds * roundMsMax,
  }, async () => {
    const url = await start();
    const sql = await freshBook(url);
    const writer = createLedgerWriter(postgresLedger(sql), realWorld());
    for (let round = 0; round < rounds; round += 1) {
      const stop = new AbortController();
      const booking = bookThrough(writer, `c2-${round}`, stop.signal);
      await delay(100 + ((firstSeed * 37 + round * 61) % 200));
      const restarted = nextRestart();
      process.kill(postmasterId(), 'SIGKILL');
      await restarted;
      await writer.submit([orderOfNumber('c2-after', round)]).catch(() => {});
      stop.abort();
      const answered = await booking;
      expect(answered.length).toBeGreaterThan(4);
      await expectKept(sql, `c2-${round}`, answered.map(asFirstAnswer));
    }
    await writer.stop();
    await sql.close();
  });

  it('C5 M8 M35: a full disk refuses and changes nothing; with space again all goes on', {
    timeout: roundMsMax,
  }, async (context) => {
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=160m,mode=0755', 'tmpfs', folder], {
      encoding: 'utf8',
    });
    mounted = mount.status === 0;
    if (!mounted) context.skip(`no file system of a limited size: ${mount.stderr || 'mount is not there'}`.trim());
    const url = await start();
    const sql = await freshBook(url);
    const writer = createLedgerWriter(postgresLedger(sql), realWorld(), { pause: () => delay(5) });
    const filler = path.join(folder, 'filler');
    fill(filler);
    let refused = 0;
    const sent: number[] = [];
    const answered: Answered[] = [];
    for (let from = 0; refused < 2; from += 1_000) {
      const numbers = Array.from({ length: 1_000 }, (_, index) => from + index);
      sent.push(...numbers);
      const submitted = await writer
        .submit(numbers.map((one) => orderOfNumber('c5', one)))
        .catch((error: SqlFault) => error);
      if ('results' in submitted)
        answered.push(...submitted.results.map((result, index) => answeredOf(numbers[index] ?? 0, result)));
      else refused += 1;
    }
    rmSync(filler);
    let again: Awaited<ReturnType<LedgerWriter['submit']>> | undefined;
    while (again === undefined || isRefusal(again))
      again = await writer.submit(sent.slice(0, 1_000).map((one) => orderOfNumber('c5', one))).catch(() => undefined);
    await expectKept(sql, 'c5', answered);
    expect(sent.length - answered.length).toBe(2_000);
    await writer.stop();
    await sql.close();
  });
});

/** Writes until nothing goes in any more. */
function fill(file: string): void {
  const piece = Buffer.alloc(64 * 1_024);
  for (;;) {
    try {
      writeFileSync(file, piece, { flag: 'a' });
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
      return;
    }
  }
}

/** A command that was sent again before its answer came is a duplicate from the first answer on. */
function asFirstAnswer(answered: Answered): Answered {
  return { ...answered, kind: answered.kind === 'duplicate' ? 'posted' : answered.kind };
}

describe('locks that cross', () => {
  let url: string;
  let sql: Sql;
  let other: Sql;
  beforeEach(async () => {
    url = await freshDatabaseUrl('postgres');
    sql = await freshBook(url);
    other = await openTestSql(url);
  });
  afterEach(async () => {
    await other.close();
    await sql.close();
  });

  it('C7: a deadlock that the database breaks costs the batch a second try and nobody anything', async () => {
    const [atFence, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let isFirst = true;
    const failpoint = async (name: string) => {
      if (name !== 'after fence' || !isFirst) return;
      isFirst = false;
      atFence.resolve();
      await goOn.promise;
    };
    const warm = createLedgerWriter(postgresLedger(sql), realWorld());
    await warm.submit([orderOfNumber('c7', 1)]);
    const store = postgresLedger(sql, { failpoint });
    const faults: string[] = [];
    const commit: typeof store.commit = (...given) =>
      store.commit(...given).catch((error: SqlFault) => {
        faults.push(error.message);
        throw error;
      });
    const crossing = other.transaction(async (tx) => {
      // The writer is the one who finds out.
      await tx.execute("SET LOCAL deadlock_timeout = '60s'");
      await tx.query('SELECT 1 FROM account_totals FOR UPDATE');
      await atFence.promise;
      const waiting = tx.query('SELECT 1 FROM ledger_writer FOR UPDATE');
      goOn.resolve();
      await waiting;
    });
    const booked = await createLedgerWriter({ ...store, commit }, realWorld()).submit([orderOfNumber('c7', 2)]);
    await crossing;
    expect(faults).toEqual([expect.stringMatching(/deadlock detected/)]);
    expect(booked).toMatchObject({ results: [{ kind: 'posted', journal: { sequence: 2n } }] });
    expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true, journals: 2n });
  });

  it('C7: waits for a lock no longer than the database is told to, and sends the batch again', async () => {
    await other.execute(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET lock_timeout = '50ms'`);
    const hasty = await openPostgres({ url });
    const store = postgresLedger(hasty);
    const [held, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = other.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM ledger_writer FOR UPDATE');
      held.resolve();
      await release.promise;
    });
    const faults: string[] = [];
    const takeOver = () =>
      store.takeOver().catch((error: SqlFault) => {
        faults.push(error.kind);
        release.resolve();
        throw error;
      });
    await held.promise;
    const booked = await createLedgerWriter({ ...store, takeOver }, realWorld()).submit([orderOfNumber('c7', 1)]);
    await holding;
    expect(faults).toContain('retryable');
    expect(booked).toMatchObject({ results: [{ kind: 'posted' }] });
    expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true, journals: 1n });
    await hasty.close();
  });
});
