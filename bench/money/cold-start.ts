/**
 * `npx node bench/money/cold-start.ts`: how soon a ledger of many journals answers its first command when a writer starts and
 * when one takes over from another; and how fast the book is replayed, against how fast it was written. Of
 * SUUUPRA_BENCH_JOURNALS journals, two million unless said otherwise.
 */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { openSql } from '@suuupra/platform/sql/open-sql';
import type { Sql } from '@suuupra/platform/sql/sql';
import { realWorld } from '@suuupra/platform/world';
import type { LedgerCommand } from '../../services/ledger/src/command.ts';
import { createLedgerWriter, type LedgerWriter } from '../../services/ledger/src/ledger-writer.ts';
import { postgresLedger } from '../../services/ledger/src/store-postgres.ts';
import { verifyLedger } from '../../services/ledger/src/verify.ts';
import { machine, spread, table } from '../measure.ts';
import { durablePostgres } from './ledger.ts';
import { pairOf, seeded } from './loads.ts';

const journals = Number(process.env['SUUUPRA_BENCH_JOURNALS'] ?? 2_000_000);
const accounts = 10_000;
const bulkSize = 1_000;
const bulksAtOnce = 4;
const rounds = 5;
/** Commands of the first batch after a start: as many accounts have to be read. */
const firstBatch = 1_000;

function transfers(count: number, name: string, random: () => number): LedgerCommand[] {
  return Array.from({ length: count }, (_none, index) => {
    const [from, to] = pairOf('zipf', accounts, random);
    const about = { kind: 'adjustment', cause: `${name}-${index}`, reference: 'bench', description: 'Bench' };
    const moved = { debit: `2200:usr_${from}`, credit: `2200:usr_${to}`, amount: 1n };
    return { type: 'book', ...about, currency: 'INR', transfers: [moved] };
  });
}

async function book(writer: LedgerWriter, commands: readonly LedgerCommand[]): Promise<void> {
  const answer = await writer.submit(commands);
  if (isRefusal(answer)) throw new Error(`the ledger refused: ${answer.code}`);
}

/** Milliseconds until each is answered. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}

async function fill(sql: Sql): Promise<number> {
  const writer = createLedgerWriter(postgresLedger(sql), realWorld());
  const random = seeded(1);
  let bulk = 0;
  const tookMs = await timed(() =>
    Promise.all(
      Array.from({ length: bulksAtOnce }, async () => {
        while (bulk * bulkSize < journals) {
          bulk += 1;
          await book(writer, transfers(bulkSize, `fill${bulk}`, random));
        }
      }),
    ),
  );
  await writer.stop();
  return (bulk * bulkSize) / (tookMs / 1_000);
}

interface Starts {
  readonly one: number[];
  readonly many: number[];
  readonly takeover: number[];
}

/** Each round has connections and a writer of its own, as a process that has just started. */
async function starts(url: string): Promise<Starts> {
  const found: Starts = { one: [], many: [], takeover: [] };
  const random = seeded(2);
  for (let round = 0; round < rounds; round += 1) {
    const [first, second] = [await openSql({ url }), await openSql({ url })];
    const writer = createLedgerWriter(postgresLedger(first), realWorld());
    found.one.push(await timed(() => book(writer, transfers(1, `one${round}`, random))));
    const cold = createLedgerWriter(postgresLedger(second), realWorld());
    // The one before is still there and holds the epoch.
    found.takeover.push(await timed(() => book(cold, transfers(1, `takeover${round}`, random))));
    await cold.stop();
    const again = createLedgerWriter(postgresLedger(first), realWorld());
    found.many.push(await timed(() => book(again, transfers(firstBatch, `many${round}`, random))));
    await Promise.all([writer.stop(), again.stop()]);
    await Promise.all([first.close(), second.close()]);
  }
  return found;
}

export async function benchColdStart(): Promise<string> {
  const engine = await durablePostgres();
  try {
    const { sql, url } = await engine.open('cold_start');
    const writtenPerSecond = await fill(sql);
    const found = await starts(url);
    let verified: Awaited<ReturnType<typeof verifyLedger>> | undefined;
    const replayMs = await timed(async () => {
      verified = await verifyLedger(postgresLedger(sql));
    });
    if (verified?.intact !== true) throw new Error(`the book is not intact: ${JSON.stringify(verified)}`);
    await sql.close();
    return report({ found, writtenPerSecond, replayedPerSecond: Number(verified.journals) / (replayMs / 1_000) });
  } finally {
    await engine.stop();
  }
}

function report(measured: {
  readonly found: Starts;
  readonly writtenPerSecond: number;
  readonly replayedPerSecond: number;
}): string {
  const { found, writtenPerSecond, replayedPerSecond } = measured;
  const rate = (perSecond: number) => Math.round(perSecond).toLocaleString('en');
  return [
    '## A ledger of many journals starts',
    '',
    `${machine()}. ${journals.toLocaleString('en')} journals on ${accounts.toLocaleString('en')} accounts (Zipf), PostgreSQL 18, fsync on, ${rounds} rounds, median (least–most). Each time is from the first command until it is answered, on connections just opened; the target is 5 s. Replay works out every hash and total anew and compares them (npm run ledger:verify); the target is five times the rate of writing.`,
    '',
    table(
      ['what', 'ms'],
      [
        ['a first command', spread(found.one, 1)],
        ['a first command, the writer before still there', spread(found.takeover, 1)],
        [`a first batch of ${firstBatch.toLocaleString('en')}, its accounts read`, spread(found.many, 1)],
      ],
    ),
    '',
    `Written ${rate(writtenPerSecond)} journals a second, replayed ${rate(replayedPerSecond)}: ${(replayedPerSecond / writtenPerSecond).toFixed(1)} times as fast.`,
  ].join('\n');
}

if (import.meta.main) console.log(await benchColdStart());
