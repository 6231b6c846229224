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
import type { LedgerReading, SealedPeriod } from './reader.ts';
import { currencyBalances, periodOf } from './report.ts';
import { microsecondsOf } from './time.ts';

/** What the finance desk works with. */
export interface Desk {
  readonly sql: Sql;
  readonly store: LedgerReading;
  readonly desk: LedgerDesk;
  readonly writer: LedgerWriter;
  readonly world: World;
  /** Changes with each start of the process. */
  readonly claimant: string;
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
    const period = await seal(desk, tx, request, principal.userId);
    if (isRefusal(period)) return period;
    const currencies = currencyBalances(await desk.desk.periodTotals(tx, period.number));
    return create(ClosePeriodResponseSchema, { period: periodOf(period), currencies });
  });
}

async function seal(
  { desk, world }: Desk,
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
