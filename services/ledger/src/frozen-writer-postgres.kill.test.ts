/**
 * C3 M15: a writer's process is stopped by SIGSTOP, between its statements or within its transaction, for longer than the
 * database lets a silent transaction hold its locks; another takes over and books; the first goes on (SIGCONT).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Sql } from '@suuupra/platform/sql/sql';
import { openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { freshDatabaseUrl } from '@suuupra/platform/testing';
import { realWorld } from '@suuupra/platform/world';
import { afterEach, describe, expect, it } from 'vitest';
import { createLedgerWriter } from './ledger-writer.ts';
import { postgresLedger } from './store-postgres.ts';
import { verifyLedger } from './verify.ts';
import { type Answered, answeredOf, orderOfNumber } from './writer-for-test.ts';

const migrations = fileURLToPath(new URL('../migrations/', import.meta.url));
const program = fileURLToPath(new URL('./writer-for-test.ts', import.meta.url));
/** Batches of the frozen writer before it freezes. */
const passes = 20;
/** store-postgres.ts ends a transaction that is silent for five seconds. */
const frozenMsMin = 6_500;
const answersAfter = 200;

interface Frozen {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly answered: Answered[];
}

describe('a writer that is frozen while another takes over', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function freeze(url: string, point: string): Promise<Frozen> {
    const child = spawn(process.execPath, [program, url, 'frozen', point, String(passes), 'SIGSTOP'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const answered: Answered[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.endsWith('}')) answered.push(JSON.parse(line) as Answered);
    });
    await expect.poll(() => isStopped(child), { timeout: 30_000, interval: 20 }).toBe(true);
    return { child, exited: once(child, 'exit'), answered };
  }

  const epochs = (sql: Sql) =>
    sql.query<{ sequence: bigint; epoch: bigint }>('SELECT * FROM batches ORDER BY sequence');

  it.each(['prefetched', 'applied', 'after fence', 'before commit'])(
    'C3 M15: frozen at "%s" it commits nothing of what it had, and starts again behind the other',
    {
      timeout: 60_000,
    },
    async (point) => {
      const url = await freshDatabaseUrl('postgres');
      const sql = await openPostgres({ url });
      await sql.migrate(migrations);
      const { child, exited, answered } = await freeze(url, point);
      const frozenAtMs = performance.now();
      const before = await epochs(sql);
      const old = before.at(-1);
      const answeredBefore = answered.length;
      const writer = createLedgerWriter(postgresLedger(sql), realWorld());
      const mine: Answered[] = [];
      for (let number = 0; performance.now() - frozenAtMs < frozenMsMin || mine.length < 20; number += 1) {
        const submitted = await writer.submit([orderOfNumber('other', number)]);
        if (isRefusal(submitted)) throw new Error(submitted.detail);
        mine.push(...submitted.results.map((result) => answeredOf(number, result)));
      }
      expect(isStopped(child)).toBe(true);
      const taken = await epochs(sql);
      expect(taken.at(-1)?.epoch).toBeGreaterThan(old?.epoch ?? 0n);
      // Nothing of the frozen one came in behind the last of its batches that was seen, also not what it held ready.
      expect(taken.filter(({ epoch }) => epoch === old?.epoch)).toHaveLength(before.length);

      child.kill('SIGCONT');
      await expect.poll(() => answered.length, { timeout: 30_000 }).toBeGreaterThan(answeredBefore + answersAfter);
      child.kill('SIGKILL');
      await exited;
      const after = await epochs(sql);
      expect(after.filter(({ epoch }) => epoch === old?.epoch)).toHaveLength(before.length);
      expect(after.map(({ epoch }) => epoch)).toEqual(after.map(({ epoch }) => epoch).sort((a, b) => Number(a - b)));
      await expectKept(sql, 'frozen', answered);
      await expectKept(sql, 'other', mine);
      expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true });
      await writer.stop();
      await sql.close();
    },
  );
});

/** The state of the process, as the kernel tells it. */
function isStopped({ pid }: ChildProcess): boolean {
  const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return status.slice(status.lastIndexOf(')') + 2).startsWith('T');
}

/** Every answer that was given is given again. */
async function expectKept(sql: Sql, ids: string, answered: readonly Answered[]): Promise<void> {
  const writer = createLedgerWriter(postgresLedger(sql), realWorld());
  for (let from = 0; from < answered.length; from += 500) {
    const part = answered.slice(from, from + 500);
    const again = await writer.submit(part.map(({ number }) => orderOfNumber(ids, number)));
    if (isRefusal(again)) throw new Error(again.detail);
    const kept = part.map((one) => ({ ...one, kind: one.kind === 'posted' ? 'duplicate' : one.kind }));
    expect(again.results.map((result, index) => answeredOf(part[index]?.number ?? 0, result))).toEqual(kept);
  }
  await writer.stop();
}
