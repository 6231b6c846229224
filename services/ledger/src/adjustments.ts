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
import type { LedgerOrder } from './command.ts';
import { once } from './desk-once.ts';
import type { CommandResult } from './ledger.ts';
import type { Desk } from './periods.ts';
import { adjustmentOf } from './report.ts';
import { microsecondsOf } from './time.ts';

type Reports = Handlers<typeof LedgerReportsService>;
type AdjustmentHandlers = Pick<
  Reports,
  'listAdjustments' | 'getAdjustment' | 'proposeAdjustment' | 'approveAdjustment' | 'rejectAdjustment'
>;

export function adjustmentHandlers(desk: Desk): AdjustmentHandlers {
  return {
    listAdjustments: listAdjustments(desk),
    getAdjustment: async ({ id }) => {
      const found = await desk.desk.adjustment(id);
      return found === undefined ? missing() : { adjustment: adjustmentOf(found) };
    },
    proposeAdjustment: (request, context) => propose(desk, request, context),
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

/** Tried on the book first, so that nobody is asked to approve what cannot be booked. Refuses `journal_rejected`. */
async function propose(desk: Desk, request: ProposeAdjustmentRequest, context: CallContext) {
  const { principal } = context;
  if (principal.kind !== 'user') return refuse('permission_denied', 'A person proposes an adjustment.');
  const isReversal = request.reversesJournalId !== '';
  if (isReversal === request.transfers.length > 0)
    return refuse('invalid_request', 'Give either transfers or the journal to reverse.', [
      { field: 'transfers', code: 'not_allowed', detail: 'transfers, or reversesJournalId' },
    ]);
  const call = { method: 'ProposeAdjustment', input: ProposeAdjustmentRequestSchema, request } as const;
  return once(desk, { ...call, output: ProposeAdjustmentResponseSchema }, context, async (tx) => {
    const adjustment = proposedBy(desk, request, principal.userId);
    const tried = await desk.writer.dryRun([orderOf(adjustment)]);
    if (isRefusal(tried)) return tried;
    const refused = rejection(tried.results[0]);
    if (refused !== undefined) return refused;
    await desk.desk.propose(tx, adjustment);
    return create(ProposeAdjustmentResponseSchema, { adjustment: adjustmentOf(adjustment) });
  });
}

function proposedBy({ world }: Desk, request: ProposeAdjustmentRequest, userId: string): Adjustment {
  const { currency, reference, reason, effectiveAt, reversesJournalId } = request;
  return {
    id: world.id('adj'),
    status: 'proposed',
    ...{ currency, reference, reason, reversesJournalId },
    effectiveAtUs: effectiveAt === undefined ? undefined : microsecondsOf(effectiveAt),
    transfers: request.transfers.map(({ debit, credit, amountMinor }) => ({ debit, credit, amount: amountMinor })),
    proposedBy: userId,
    proposedAtUs: BigInt(world.now()) * 1_000n,
  };
}

/** The adjustment's id is the command's: however often it is approved, also after a crash, it is booked once. */
function orderOf(adjustment: Adjustment): LedgerOrder {
  const { id: cause, currency, reason: description, effectiveAtUs, transfers, reversesJournalId } = adjustment;
  const reference = adjustment.reference === '' ? `adjustment:${cause}` : adjustment.reference;
  const common = { cause, reference, description, currency, effectiveAtUs };
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
  const refused = refuseApproval(adjustment, principal.userId);
  if (refused !== undefined) return refused;
  const submitted = await desk.writer.submit([orderOf(adjustment)]);
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
