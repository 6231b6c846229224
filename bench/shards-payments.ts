/**
 * A shard of payments that moves to another database under load, on a PostgreSQL that keeps what it acknowledges: what its
 * callers wait while it moves, against the same callers in the same run while nothing moves, and that nothing acknowledged
 * was lost or doubled. Writes bench/shards-payments-results.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PaymentStatus } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { moveShard } from '@suuupra/platform/shards/move';
import { startEmbeddedPostgres } from '@suuupra/platform/sql/sql-embedded';
import { endCopying } from '../services/payments/src/shard-copy.ts';
import { openSchool, type School, type ShardedProcess } from '../services/payments/src/shards-for-test.ts';
import { machine, spread, table } from './measure.ts';

const shard = 1;
const moves = 5;
const callers = 16;
/** Payments that are in the shard before the first move. */
const historyPayments = 2_000;
/** As long as nothing moves before each move. */
const quietMs = 5_000;
const paid = String(PaymentStatus.SUCCEEDED);

interface Waited {
  readonly begunMs: number;
  readonly endedMs: number;
}

interface MoveMeasured {
  readonly tookMs: number;
  readonly pauseMs: number;
  readonly quiet: Figures;
  readonly moving: Figures;
}

interface Figures {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly waitMsMax: number;
  /** The longest time in which no payment was answered. */
  readonly silentMsMax: number;
}

/** Of the payments that were under way at any time between the two. */
function figuresOf(waits: readonly Waited[], fromMs: number, untilMs: number): Figures {
  const within = waits.filter(({ begunMs, endedMs }) => endedMs >= fromMs && begunMs <= untilMs);
  const waited = within.map(({ begunMs, endedMs }) => endedMs - begunMs).sort((a, b) => a - b);
  const answered = waits.map(({ endedMs }) => endedMs).filter((ms) => ms >= fromMs && ms <= untilMs);
  const moments = [fromMs, ...answered.sort((a, b) => a - b), untilMs];
  const silent = moments.map((ms, at) => ms - (moments[at - 1] ?? ms));
  return {
    perSecond: (answered.length * 1_000) / (untilMs - fromMs),
    p99Ms: waited[Math.ceil(waited.length * 0.99) - 1] ?? 0,
    waitMsMax: waited.at(-1) ?? 0,
    silentMsMax: silent.reduce((most, ms) => Math.max(most, ms), 0),
  };
}

/** Pays an order of the shard, again with the same key when it is told to come back. */
async function payOne(process: ShardedProcess, name: string): Promise<void> {
  let order = '';
  for (let number = 0; order === ''; number += 1)
    if (process.keys.ofOrder(`ord_${name}_${number}`) === shard) order = `ord_${name}_${number}`;
  let status = 'unavailable';
  while (status === 'unavailable') ({ status } = await process.pay(order, `key-${name}`));
  if (status !== paid) throw new Error(`a payment was not made: ${status}`);
}

async function measureMoves(school: School): Promise<{ measured: MoveMeasured[]; acknowledged: number }> {
  const process = await school.startProcess();
  for (let from = 0; from < historyPayments; from += callers)
    await Promise.all(Array.from({ length: callers }, (_, each) => payOne(process, `history_${from + each}`)));
  const waits: Waited[] = [];
  let isOver = false;
  const calling = Array.from({ length: callers }, async (_, caller) => {
    for (let number = 0; !isOver; number += 1) {
      const begunMs = performance.now();
      await payOne(process, `${caller}_${number}`);
      waits.push({ begunMs, endedMs: performance.now() });
    }
  });
  const moving = (async () => {
    const measured: MoveMeasured[] = [];
    for (let move = 0; move < moves; move += 1) measured.push(await measureMove(school, waits));
    return measured;
  })();
  const measured = await moving.finally(() => {
    isOver = true;
  });
  await Promise.all(calling);
  const made = Math.ceil(historyPayments / callers) * callers + waits.length;
  await assertKept(school, made);
  return { measured, acknowledged: waits.length };
}

async function measureMove(school: School, waits: readonly Waited[]): Promise<MoveMeasured> {
  const beganMs = performance.now();
  await delay(quietMs);
  const { place: from } = await school.directory.find(shard);
  const parts = await school.moveParts(shard, from === 'a' ? 'b' : 'a');
  const startedMs = performance.now();
  const { pauseMs } = await moveShard(parts);
  await endCopying(await school.database(shard, from));
  const endedMs = performance.now();
  // Those who waited for it are answered.
  await delay(quietMs);
  return {
    ...{ tookMs: endedMs - startedMs, pauseMs },
    quiet: figuresOf(waits, beganMs, startedMs),
    moving: figuresOf(waits, startedMs, endedMs),
  };
}

/** Each order that was paid has one attempt that succeeded, and there are no others, here and at the provider. */
async function assertKept(school: School, made: number): Promise<void> {
  const { place } = await school.directory.find(shard);
  const sql = await school.database(shard, place);
  const counts = [
    await sql.query<{ count: bigint }>('SELECT count(*) AS count FROM attempts'),
    await sql.query<{ count: bigint }>("SELECT count(*) AS count FROM intents WHERE status = 'captured'"),
    await school.own.query<{ count: bigint }>('SELECT count(*) AS count FROM sandbox.payments'),
  ].map(([row]) => Number(row?.count));
  if (counts.some((count) => count !== made))
    throw new Error(
      `of ${made} payments there are ${counts.join(', ')} attempts, captures and payments at the provider`,
    );
}

export async function benchPaymentsShards(): Promise<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-bench-postgres-'));
  const server = await startEmbeddedPostgres({ folder, password: 'bench' });
  try {
    const school = await openSchool('postgres', 2, await server.database('payments'));
    try {
      const { measured, acknowledged } = await measureMoves(school);
      return report(measured, acknowledged);
    } finally {
      await school.close();
    }
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(measured: readonly MoveMeasured[], acknowledged: number): string {
  const of = (figure: (of: MoveMeasured) => number) => spread(measured.map(figure));
  const both = (name: string, figure: (of: Figures) => number) => [
    ...[name, of(({ quiet }) => figure(quiet)), of(({ moving }) => figure(moving))],
  ];
  return [
    `${machine()}. ${callers} callers that each wait for one payment (the sandbox answers at once), on one shard with ${historyPayments.toLocaleString('en')} payments, while it moves ${moves} times between two databases of one PostgreSQL 18 (fsync on); all of it is copied each time. Each move is held against the ${quietMs / 1_000} s before it. Median (least–most). ${acknowledged.toLocaleString('en')} payments were acknowledged; each is there once, here and at the provider.`,
    '',
    table(
      ['', 'nothing moves', 'while it moves'],
      [
        both('payments a second', ({ perSecond }) => perSecond),
        both('99 of 100 wait at most, ms', ({ p99Ms }) => p99Ms),
        both('longest wait of a caller, ms', ({ waitMsMax }) => waitMsMax),
        both('longest time without an answer, ms', ({ silentMsMax }) => silentMsMax),
        ['the move takes, ms', '', of(({ tookMs }) => tookMs)],
        ['of it the shard is closed, ms', '', of(({ pauseMs }) => pauseMs)],
      ],
    ),
  ].join('\n');
}

if (import.meta.main) {
  const head = `# A shard of payments that moves, measured\n\nWritten by \`node bench/shards-payments.ts\` on ${new Date().toISOString().slice(0, 10)}. Trust the ratios; absolute figures belong to the machine they name.\n`;
  const text = `${head}\n${await benchPaymentsShards()}\n`;
  writeFileSync(path.join(import.meta.dirname, 'shards-payments-results.md'), text);
  console.log(text);
}
