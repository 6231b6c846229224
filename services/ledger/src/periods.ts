/** Closing a period: everything that happened before a time is sealed with its trial balance and the head of the chain. */
import { create } from '@bufbuild/protobuf';
import {
  type ClosePeriodRequest,
  ClosePeriodRequestSchema,
  type ClosePeriodResponse,
  ClosePeriodResponseSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { World } from '@suuupra/platform/world';
import type { LedgerDesk } from './desk.ts';
import { once } from './desk-once.ts';
import type { LedgerWriter } from './ledger-writer.ts';
import { refuseSeal } from './period.ts';
import type { ReportReading, SealedPeriod } from './reader.ts';
import { currencyBalances, periodOf } from './report.ts';
import { microsecondsOf } from './time.ts';

/** What the finance desk works with. */
export interface Desk {
  readonly sql: Sql;
  readonly store: ReportReading;
  readonly desk: LedgerDesk;
  readonly writer: LedgerWriter;
  readonly world: World;
  /** Changes with each start of the process. */
  readonly claimant: string;
  /** Of several shards: runs `work` on each shard's book, in order. Absent: the book is that of `sql` and `desk`. */
  readonly eachBook?: <T>(work: (tx: SqlTransaction, desk: LedgerDesk) => Promise<T>) => Promise<T[]>;
}

/**
 * Holds the writer's row while it seals, so that the period's balances count all that is in the book. Refuses
 * `invalid_request` (the time is not over) and `period_sealed` (not after the end of the last period).
 */
export async function closePeriod(
  desk: Desk,
  request: ClosePeriodRequest,
  context: CallContext,
): Promise<ClosePeriodResponse | Refusal> {
  const { principal } = context;
  if (principal.kind !== 'user') return refuse('permission_denied', 'A person closes a period.');
  const call = { method: 'ClosePeriod', input: ClosePeriodRequestSchema, request } as const;
  return once(desk, { ...call, output: ClosePeriodResponseSchema }, context, async (tx) => {
    if (desk.eachBook !== undefined) return sealEach(desk, desk.eachBook, request, principal.userId);
    const period = await seal(desk, tx, request, principal.userId);
    if (isRefusal(period)) return period;
    const currencies = currencyBalances(await desk.desk.periodTotals(tx, period.number));
    return create(ClosePeriodResponseSchema, { period: periodOf(period), currencies });
  });
}

/**
 * One shard after the other. One that is sealed until this very time already was sealed by a closing that was cut off; when
 * all are, the period was closed before.
 */
async function sealEach(
  desk: Desk,
  eachBook: NonNullable<Desk['eachBook']>,
  request: ClosePeriodRequest,
  userId: string,
): Promise<ClosePeriodResponse | Refusal> {
  const untilUs = request.until === undefined ? 0n : microsecondsOf(request.until);
  let isNew = false;
  const sealed = await eachBook(async (tx, book) => {
    const last = await book.lastPeriod(tx);
    if (last !== undefined && last.untilUs === untilUs) return last;
    const period = await seal({ ...desk, desk: book }, tx, request, userId);
    isNew ||= !isRefusal(period);
    return period;
  });
  const refused = sealed.find(isRefusal);
  if (refused !== undefined) return refused;
  if (!isNew) return refuse('period_sealed', 'This time is sealed already; close a later one.');
  const read = await desk.store.reading(async (reader) => {
    const [period] = await reader.periods(newestOfAll, 1);
    return period && { period, totals: await reader.periodTotals(period.number) };
  });
  if (read === undefined) throw new Error('a period was sealed in every shard and is not there');
  return create(ClosePeriodResponseSchema, {
    period: periodOf(read.period),
    currencies: currencyBalances(read.totals),
  });
}

const newestOfAll = 9_223_372_036_854_775_807n;

async function seal(
  { desk, world }: Pick<Desk, 'desk' | 'world'>,
  tx: SqlTransaction,
  request: ClosePeriodRequest,
  userId: string,
): Promise<SealedPeriod | Refusal> {
  const head = await desk.lockBook(tx);
  const last = await desk.lastPeriod(tx);
  const untilUs = request.until === undefined ? 0n : microsecondsOf(request.until);
  const nowUs = BigInt(world.now()) * 1_000n;
  const refused = refuseSeal({ sealedUntilUs: last?.untilUs ?? 0n, untilUs, nowUs });
  if (refused === 'not_over')
    return refuse('invalid_request', 'A period is closed when it is over.', [
      { field: 'until', code: 'out_of_range', detail: 'a time in the past' },
    ]);
  if (refused === 'sealed') return refuse('period_sealed', 'This time is sealed already; close a later one.');
  const period: SealedPeriod = {
    number: (last?.number ?? 0n) + 1n,
    fromUs: last?.untilUs ?? 0n,
    untilUs,
    sealedAtUs: nowUs,
    sealedBy: userId,
    note: request.note,
    sequence: head.journalSequence,
    batchSequence: head.batchSequence,
    hash: head.hash,
  };
  await desk.seal(tx, period);
  return period;
}
