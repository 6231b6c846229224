/**
 * The valuation of account 1800 at the end of a period: one person asks for it with the closing rates and their sources, the
 * book says what is left there, another person approves what that came to.
 */
import { create } from '@bufbuild/protobuf';
import {
  type ProposeRevaluationRequest,
  ProposeRevaluationRequestSchema,
  ProposeRevaluationResponseSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Adjustment } from './adjustment.ts';
import * as chart from './chart.ts';
import type { LedgerOrder } from './command.ts';
import { once } from './desk-once.ts';
import type { Desk } from './periods.ts';
import type { ReportReading } from './reader.ts';
import { adjustmentOf } from './report.ts';
import { type Balance, type RateFault, revaluationText, revalue } from './revaluation.ts';
import { microsecondsOf } from './time.ts';

/** ISO 4217 has fewer. */
const currenciesMax = 300;

/** Refuses `invalid_request` (a time that is not over, rates that are none or not those of 1800) and `journal_rejected`. */
export async function proposeRevaluation(
  desk: Desk,
  request: ProposeRevaluationRequest,
  context: CallContext,
  keep: (tx: SqlTransaction, adjustment: Adjustment) => Promise<Adjustment | Refusal>,
) {
  const { principal } = context;
  if (principal.kind !== 'user') return refuse('permission_denied', 'A person proposes a valuation.');
  const { currency, reason, rates } = request;
  const untilUs = request.until === undefined ? 0n : microsecondsOf(request.until);
  const proposedAtUs = BigInt(desk.world.now()) * 1_000n;
  if (untilUs > proposedAtUs)
    return refuse('invalid_request', 'A period is valued when it is over.', [
      { field: 'until', code: 'out_of_range', detail: 'a time in the past' },
    ]);
  const call = { method: 'ProposeRevaluation', input: ProposeRevaluationRequestSchema, request } as const;
  return once(desk, { ...call, output: ProposeRevaluationResponseSchema }, context, async (tx) => {
    const revaluation = revalue(currency, await balancesBefore(desk.store, untilUs), rates);
    if (!('balances' in revaluation)) return refuseRates(revaluation);
    if (revaluation.differenceMinor === 0n)
      return refuse('journal_rejected', 'Account 1800 is worth nothing at these rates: there is nothing to book.');
    const kept = await keep(tx, {
      ...{ id: desk.world.id('adj'), status: 'proposed', currency, reason, revaluation, proposedAtUs },
      ...{ effectiveAtUs: untilUs - 1n, reference: '', transfers: [], reversesJournalId: '' },
      proposedBy: principal.userId,
    });
    if (isRefusal(kept)) return kept;
    return create(ProposeRevaluationResponseSchema, { adjustment: adjustmentOf(kept) });
  });
}

function refuseRates(faults: readonly RateFault[]): Refusal {
  const errors = faults.map(({ index, field, detail }) => ({
    field: index < 0 ? 'rates' : `rates[${index}].${field}`,
    code: index < 0 ? 'required' : 'not_allowed',
    detail,
  }));
  return refuse('invalid_request', 'One rate is needed for each currency in which something is left.', errors);
}

/** What account 1800 stands at in each currency, by what happened before a time. */
async function balancesBefore(store: ReportReading, untilUs: bigint): Promise<readonly Balance[]> {
  return store.reading(async (reader) => {
    const { journalSequence } = await reader.head();
    const accounts = await reader.accounts({ parent: chart.exchange, currency: '' }, undefined, currenciesMax);
    const balances: Balance[] = [];
    for (const { code, currency } of accounts) {
      const [totals] = await reader.totalsBefore(untilUs, journalSequence, { code, currency });
      balances.push({ currency, minor: (totals?.debit ?? 0n) - (totals?.credit ?? 0n) });
    }
    return balances;
  });
}

/**
 * Whether a valuation is still of what is left in 1800: what happened in the period may be told later, and another valuation
 * of the same end may have been booked. One that is in the book already is not refused. Called with the adjustment taken,
 * which lets one valuation of an end be approved at a time.
 */
export async function refuseMoved(
  desk: Desk,
  adjustment: Adjustment,
  order: LedgerOrder,
): Promise<Refusal | undefined> {
  const { revaluation, effectiveAtUs = 0n, currency } = adjustment;
  if (revaluation === undefined) return undefined;
  const tried = await desk.writer.dryRun([order]);
  if (isRefusal(tried)) return tried;
  if (tried.results[0]?.kind === 'duplicate') return undefined;
  const now = revalue(currency, await balancesBefore(desk.store, effectiveAtUs + 1n), revaluation.balances);
  const isSame =
    'balances' in now && JSON.stringify(revaluationText(now)) === JSON.stringify(revaluationText(revaluation));
  return isSame
    ? undefined
    : refuse('journal_rejected', 'Account 1800 has moved since this was proposed: reject it and propose it again.');
}
