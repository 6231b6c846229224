/** Corrections by two people: proposed by one, approved by another, booked once. */
import { create } from '@bufbuild/protobuf';
import {
  AdjustmentStatus,
  type ApproveAdjustmentRequest,
  ApproveAdjustmentRequestSchema,
  ApproveAdjustmentResponseSchema,
  type LedgerReportsService,
  type ProposeAdjustmentRequest,
  ProposeAdjustmentRequestSchema,
  ProposeAdjustmentResponseSchema,
  type ProposeExchangeRequest,
  ProposeExchangeRequestSchema,
  ProposeExchangeResponseSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, type Handlers, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import {
  type Adjustment,
  type Decision,
  refuseApproval,
  refuseRejection,
  type AdjustmentStatus as Status,
} from './adjustment.ts';
import { accountKind } from './chart.ts';
import type { LedgerOrder } from './command.ts';
import { once } from './desk-once.ts';
import { isRate } from './exchange.ts';
import { exchangeOrder } from './journal-orders.ts';
import type { CommandResult } from './ledger.ts';
import type { Desk } from './periods.ts';
import { adjustmentOf } from './report.ts';
import { proposeRevaluation, refuseMoved } from './revaluations.ts';
import { microsecondsOf } from './time.ts';

type Reports = Handlers<typeof LedgerReportsService>;
type AdjustmentHandlers = Pick<
  Reports,
  | 'listAdjustments'
  | 'getAdjustment'
  | 'proposeAdjustment'
  | 'proposeExchange'
  | 'proposeRevaluation'
  | 'approveAdjustment'
  | 'rejectAdjustment'
>;

export function adjustmentHandlers(desk: Desk): AdjustmentHandlers {
  return {
    listAdjustments: listAdjustments(desk),
    getAdjustment: async ({ id }) => {
      const found = await desk.desk.adjustment(id);
      return found === undefined ? missing() : { adjustment: adjustmentOf(found) };
    },
    proposeAdjustment: (request, context) => propose(desk, request, context),
    proposeExchange: (request, context) => proposeExchange(desk, request, context),
    proposeRevaluation: (request, context) =>
      proposeRevaluation(desk, request, context, (tx, adjustment) => keepTried(desk, tx, adjustment)),
    approveAdjustment: (request, context) => {
      const call = { method: 'ApproveAdjustment', input: ApproveAdjustmentRequestSchema, request } as const;
      return once(desk, { ...call, output: ApproveAdjustmentResponseSchema }, context, (tx) =>
        approve(desk, tx, request, context),
      );
    },
    rejectAdjustment: (request, context) => reject(desk, request.id, request.note, context),
  };
}

const statuses: Partial<Record<AdjustmentStatus, Status>> = {
  [AdjustmentStatus.PROPOSED]: 'proposed',
  [AdjustmentStatus.BOOKED]: 'booked',
  [AdjustmentStatus.REJECTED]: 'rejected',
};

function listAdjustments({ desk }: Desk): Reports['listAdjustments'] {
  return async (request) => {
    const page = readPage(request, ['text']);
    if (isRefusal(page)) return page;
    const found = await desk.adjustments(statuses[request.status], page.after[0], page.limit + 1);
    const given = found.slice(0, page.limit);
    const last = given.at(-1);
    return {
      adjustments: given.map(adjustmentOf),
      nextPageToken: found.length > page.limit && last !== undefined ? pageToken([last.id]) : '',
    };
  };
}

/** Refuses `journal_rejected`. */
async function propose(desk: Desk, request: ProposeAdjustmentRequest, context: CallContext) {
  const { principal } = context;
  if (principal.kind !== 'user') return refuse('permission_denied', 'A person proposes an adjustment.');
  const isReversal = request.reversesJournalId !== '';
  if (isReversal === request.transfers.length > 0)
    return refuse('invalid_request', 'Give either transfers or the journal to reverse.', [
      { field: 'transfers', code: 'not_allowed', detail: 'transfers, or reversesJournalId' },
    ]);
  const accounts = request.transfers.flatMap(({ debit, credit }, index) => [
    { field: `transfers[${index}].debit`, code: debit },
    { field: `transfers[${index}].credit`, code: credit },
  ]);
  const unknown = refuseUnknownAccounts(accounts);
  if (unknown !== undefined) return unknown;
  const call = { method: 'ProposeAdjustment', input: ProposeAdjustmentRequestSchema, request } as const;
  return once(desk, { ...call, output: ProposeAdjustmentResponseSchema }, context, async (tx) => {
    const kept = await keepTried(desk, tx, proposedBy(desk, request, principal.userId));
    if (isRefusal(kept)) return kept;
    return create(ProposeAdjustmentResponseSchema, { adjustment: adjustmentOf(kept) });
  });
}

/** The same of an exchange of currencies. Refuses `journal_rejected`. */
async function proposeExchange(desk: Desk, request: ProposeExchangeRequest, context: CallContext) {
  const { principal } = context;
  if (principal.kind !== 'user') return refuse('permission_denied', 'A person proposes an exchange.');
  const { currency, reference, reason, effectiveAt, exchange } = request;
  if (exchange === undefined) throw new Error('an exchange was let in without its amounts');
  const { from, to, rate, source } = exchangeOrder(exchange);
  const unknown = refuseUnknownAccounts([
    { field: 'exchange.fromAccount', code: from.account },
    { field: 'exchange.toAccount', code: to.account },
  ]);
  if (unknown !== undefined) return unknown;
  if (!isRate(rate))
    return refuse('invalid_request', 'The rate is a decimal above zero, e.g. 83.125.', [
      { field: 'exchange.rate', code: 'bad_format', detail: 'at most 12 digits before the point and 18 after it' },
    ]);
  const call = { method: 'ProposeExchange', input: ProposeExchangeRequestSchema, request } as const;
  return once(desk, { ...call, output: ProposeExchangeResponseSchema }, context, async (tx) => {
    const common = proposal(desk, { currency, reference, reason, effectiveAt }, principal.userId);
    const kept = await keepTried(desk, tx, {
      ...common,
      transfers: [],
      reversesJournalId: '',
      exchange: { from, to, rate, source },
    });
    if (isRefusal(kept)) return kept;
    return create(ProposeExchangeResponseSchema, { adjustment: adjustmentOf(kept) });
  });
}

function refuseUnknownAccounts(
  accounts: readonly { readonly field: string; readonly code: string }[],
): Refusal | undefined {
  const unknown = accounts.filter(({ code }) => accountKind(code) === undefined);
  if (unknown.length === 0) return undefined;
  const errors = unknown.map(({ field }) => ({
    field,
    code: 'bad_format',
    detail: 'a code as the trial balance lists it',
  }));
  return refuse('invalid_request', 'An account is a code of the chart, e.g. 1100.', errors);
}

/** Tried on the book first, so that nobody is asked to approve what cannot be booked. */
async function keepTried(desk: Desk, tx: SqlTransaction, adjustment: Adjustment): Promise<Adjustment | Refusal> {
  const tried = await desk.writer.dryRun([orderOf(adjustment)]);
  if (isRefusal(tried)) return tried;
  const refused = rejection(tried.results[0]);
  if (refused !== undefined) return refused;
  await desk.desk.propose(tx, adjustment);
  return adjustment;
}

function proposedBy(desk: Desk, request: ProposeAdjustmentRequest, userId: string): Adjustment {
  const { reversesJournalId, transfers } = request;
  return {
    ...proposal(desk, request, userId),
    reversesJournalId,
    transfers: transfers.map(({ debit, credit, amountMinor }) => ({ debit, credit, amount: amountMinor })),
  };
}

type Proposal = Pick<ProposeAdjustmentRequest, 'currency' | 'reference' | 'reason' | 'effectiveAt'>;

function proposal({ world }: Desk, request: Proposal, userId: string) {
  const { currency, reference, reason, effectiveAt } = request;
  return {
    id: world.id('adj'),
    status: 'proposed',
    ...{ currency, reference, reason },
    effectiveAtUs: effectiveAt === undefined ? undefined : microsecondsOf(effectiveAt),
    proposedBy: userId,
    proposedAtUs: BigInt(world.now()) * 1_000n,
  } as const;
}

/** The adjustment's id is the command's: however often it is approved, also after a crash, it is booked once. */
function orderOf(adjustment: Adjustment): LedgerOrder {
  const {
    id: cause,
    currency,
    reason: description,
    effectiveAtUs,
    transfers,
    reversesJournalId,
    exchange,
    revaluation,
  } = adjustment;
  const reference = adjustment.reference === '' ? `adjustment:${cause}` : adjustment.reference;
  const common = { cause, reference, description, currency, effectiveAtUs };
  if (exchange !== undefined) return { ...common, type: 'exchange', kind: 'exchange_sold', ...exchange };
  if (revaluation !== undefined) {
    if (effectiveAtUs === undefined) throw new Error(`the valuation ${cause} is of no time`);
    return { ...common, type: 'revaluation', kind: 'revaluation', effectiveAtUs, revaluation };
  }
  if (reversesJournalId === '') return { ...common, type: 'book', kind: 'adjustment', transfers };
  return { ...common, type: 'reverse', kind: 'reversal', target: reversesJournalId, transfers: [] };
}

/**
 * Holds the adjustment's row while the book takes it, so that nobody rejects it meanwhile. Refuses
 * `second_person_required`, `already_decided`, `journal_rejected`.
 */
async function approve(
  desk: Desk,
  tx: SqlTransaction,
  { id, note }: ApproveAdjustmentRequest,
  { principal }: CallContext,
) {
  if (principal.kind !== 'user') return refuse('permission_denied', 'A person approves an adjustment.');
  const adjustment = await desk.desk.take(tx, id);
  if (adjustment === undefined) return missing();
  const order = orderOf(adjustment);
  const refused = refuseApproval(adjustment, principal.userId) ?? (await refuseMoved(desk, adjustment, order));
  if (refused !== undefined) return refused;
  const submitted = await desk.writer.submit([order]);
  if (isRefusal(submitted)) return submitted;
  const [result] = submitted.results;
  const rejected = rejection(result);
  if (rejected !== undefined) return rejected;
  const journal = result?.kind === 'posted' || result?.kind === 'duplicate' ? result.journal : undefined;
  if (journal === undefined) throw new Error(`the adjustment ${id} was neither booked nor refused`);
  const booked = { journalId: journal.id, sequence: journal.sequence };
  const decision: Decision = { by: principal.userId, atUs: BigInt(desk.world.now()) * 1_000n, note, booked };
  await desk.desk.decide(tx, id, decision);
  return create(ApproveAdjustmentResponseSchema, {
    adjustment: adjustmentOf({ ...adjustment, status: 'booked', decision }),
  });
}

/** Refuses `already_decided`. */
async function reject(desk: Desk, id: string, note: string, { principal }: CallContext) {
  if (principal.kind !== 'user') return refuse('permission_denied', 'A person rejects an adjustment.');
  return desk.sql.transaction(async (tx) => {
    const adjustment = await desk.desk.take(tx, id);
    if (adjustment === undefined) return missing();
    const refused = refuseRejection(adjustment);
    if (refused !== undefined) return refused;
    const decision: Decision = { by: principal.userId, atUs: BigInt(desk.world.now()) * 1_000n, note };
    await desk.desk.decide(tx, id, decision);
    return { adjustment: adjustmentOf({ ...adjustment, status: 'rejected', decision }) };
  });
}

function rejection(result: CommandResult | undefined): Refusal | undefined {
  if (result?.kind === 'rejected') return refuse('journal_rejected', `The book refuses it: ${result.detail}.`);
  return result?.kind === 'nothing' ? refuse('journal_rejected', 'There is no money in it.') : undefined;
}

function missing(): Refusal {
  return refuse('not_found', 'There is no such adjustment.');
}
