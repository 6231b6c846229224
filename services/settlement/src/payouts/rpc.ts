/** What payouts answers: to finance about everybody, to an instructor about themselves. */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  ApprovePayoutBatchRequestSchema,
  ApprovePayoutBatchResponseSchema,
  MakeBankStatementsRequestSchema,
  MakeBankStatementsResponseSchema,
  type PayoutAccountSchema,
  type PayoutBatchSchema,
  type PayoutSchema,
  type PayoutStatementLineSchema,
  PayoutsService,
  RejectPayoutBatchRequestSchema,
  RejectPayoutBatchResponseSchema,
  ResubmitPayoutBatchRequestSchema,
  ResubmitPayoutBatchResponseSchema,
  type SettlementBatchSchema,
  type SettlementRunSchema,
  StartSettlementRunRequestSchema,
  StartSettlementRunResponseSchema,
  type TaxProfileSchema,
} from '@suuupra/contracts/gen/suuupra/settlement/v1/payouts_pb.ts';
import { readPage } from '@suuupra/platform/rpc/paging';
import {
  type CallContext,
  type Handlers,
  type Implementation,
  implement,
  isRefusal,
  type Refusal,
  refuse,
} from '@suuupra/platform/rpc/rpc';
import {
  beginIdempotent,
  finishIdempotent,
  type IdempotentCall,
  idempotencyScope,
  lookIdempotent,
} from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import {
  type BatchRow,
  byNumber,
  byTime,
  type FileRow,
  filesOf,
  findBatch,
  findPayoutBatch,
  findRun,
  listBatches,
  listLines,
  listPayoutBatches,
  listPayouts,
  listRuns,
  type SummedBatchRow,
} from './lists.ts';
import {
  accountsOf,
  changesOf,
  type ShownAccount,
  setAccount,
  setTaxProfile,
  type TaxProfileRow,
  taxProfileOf,
} from './payout-accounts.ts';
import { approveBatch, type PayoutBatchRow, type PayoutRow, rejectBatch, resubmitBatch } from './payout-batches.ts';
import { insertRun, type RunRow, readCutOff } from './runs.ts';
import type { StatementLine } from './statement.ts';
import type { PayoutSurroundings } from './surroundings.ts';
import { concerns, withholdingRules } from './withholding.ts';

type PayoutHandlers = Handlers<typeof PayoutsService>;

export interface PayoutRpcParts extends PayoutSurroundings {
  /** Makes the bank's statements now. Only the sandbox does that. */
  readonly makeStatements: () => Promise<number>;
}

export function payoutsRpc(parts: PayoutRpcParts): Implementation {
  return implement(PayoutsService, {
    ...financeHandlers(parts),
    ...batchHandlers(parts),
    ...instructorHandlers(parts),
  });
}

type FinanceHandlers = Pick<
  PayoutHandlers,
  | 'startSettlementRun'
  | 'listSettlementRuns'
  | 'getSettlementRun'
  | 'listSettlementBatches'
  | 'listPayoutBatches'
  | 'getPayoutBatch'
  | 'listPayouts'
>;

function financeHandlers(parts: PayoutRpcParts): FinanceHandlers {
  const { sql } = parts;
  return {
    startSettlementRun: (request, context) => startRun(parts, request, context),
    listSettlementRuns: async (request) => {
      const page = readPage(request, byNumber);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listRuns(sql, page);
      return { runs: rows.map(runMessage), nextPageToken };
    },
    getSettlementRun: async ({ id }) => {
      const run = await findRun(sql, id);
      return run === undefined ? refuse('not_found', 'There is no such settlement run.') : { run: runMessage(run) };
    },
    listSettlementBatches: async (request) => {
      const page = readPage(request, byTime);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listBatches(sql, page, request);
      return { batches: rows.map(batchMessage), nextPageToken };
    },
    listPayoutBatches: async (request) => {
      const page = readPage(request, byNumber);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listPayoutBatches(sql, page, request);
      const files = await filesOf(
        sql,
        rows.map(({ id }) => id),
      );
      return { payoutBatches: rows.map((row) => payoutBatchMessage(parts, row, files)), nextPageToken };
    },
    getPayoutBatch: async ({ id }) => {
      const payoutBatch = await payoutBatchOf(parts, id);
      return isRefusal(payoutBatch) ? payoutBatch : { payoutBatch };
    },
    listPayouts: async (request) => {
      const page = readPage(request, byTime);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listPayouts(sql, page, request);
      return { payouts: rows.map((row) => payoutMessage(parts, row)), nextPageToken };
    },
  };
}

/** The book is asked where it stands before the transaction: nothing is called inside one. */
async function startRun(
  parts: PayoutRpcParts,
  request: MessageShape<typeof StartSettlementRunRequestSchema>,
  context: CallContext,
) {
  const call = callOf(parts, 'StartSettlementRun', context, {
    input: StartSettlementRunRequestSchema,
    request,
    output: StartSettlementRunResponseSchema,
  });
  const seen = await lookIdempotent(parts.sql, call);
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  if (seen.kind === 'refused') return seen.refusal;
  const cutOff = await readCutOff(parts);
  return once(parts, call, context, async (tx) => {
    const run = await insertRun(parts, tx, cutOff, userIdOf(context));
    return isRefusal(run) ? run : { run: runMessage(run) };
  });
}

type BatchHandlers = Pick<
  PayoutHandlers,
  'approvePayoutBatch' | 'rejectPayoutBatch' | 'resubmitPayoutBatch' | 'makeBankStatements'
>;

function batchHandlers(parts: PayoutRpcParts): BatchHandlers {
  return {
    approvePayoutBatch: (request, context) =>
      once(
        parts,
        callOf(parts, 'ApprovePayoutBatch', context, {
          input: ApprovePayoutBatchRequestSchema,
          request,
          output: ApprovePayoutBatchResponseSchema,
        }),
        context,
        async (tx) => {
          const { id, fileSha256 } = request;
          return answered(parts, tx, await approveBatch(parts, tx, { id, fileSha256, approverId: userIdOf(context) }));
        },
      ),
    rejectPayoutBatch: (request, context) =>
      once(
        parts,
        callOf(parts, 'RejectPayoutBatch', context, {
          input: RejectPayoutBatchRequestSchema,
          request,
          output: RejectPayoutBatchResponseSchema,
        }),
        context,
        async (tx) => answered(parts, tx, await rejectBatch(parts, tx, request, context)),
      ),
    resubmitPayoutBatch: (request, context) =>
      once(
        parts,
        callOf(parts, 'ResubmitPayoutBatch', context, {
          input: ResubmitPayoutBatchRequestSchema,
          request,
          output: ResubmitPayoutBatchResponseSchema,
        }),
        context,
        async (tx) => answered(parts, tx, await resubmitBatch(parts, tx, request)),
      ),
    makeBankStatements: async (request, context) => {
      const call = callOf(parts, 'MakeBankStatements', context, {
        input: MakeBankStatementsRequestSchema,
        request,
        output: MakeBankStatementsResponseSchema,
      });
      const seen = await lookIdempotent(parts.sql, call);
      if (seen.kind === 'answered') return replayed(context, seen.answer);
      if (seen.kind === 'refused') return seen.refusal;
      // The bank is another company: its work is in no transaction of ours. Asked twice, the second finds nothing to state.
      const statements = await parts.makeStatements();
      return once(parts, call, context, async () => ({ statements, simulated: parts.bank.simulated }));
    },
  };
}

async function answered(parts: PayoutRpcParts, tx: SqlTransaction, batch: PayoutBatchRow | Refusal) {
  if (isRefusal(batch)) return batch;
  const payoutBatch = await payoutBatchOf({ ...parts, sql: tx }, batch.id);
  return isRefusal(payoutBatch) ? payoutBatch : { payoutBatch };
}

type Call<I extends DescMessage, O extends DescMessage> = IdempotentCall<I, O>;

function callOf<I extends DescMessage, O extends DescMessage>(
  { world }: PayoutRpcParts,
  method: string,
  context: CallContext,
  messages: { readonly input: I; readonly request: MessageShape<I>; readonly output: O },
): Call<I, O> {
  // Work of one transaction leaves no claim behind, so whoever finds one may take it up.
  return {
    scope: idempotencyScope(context),
    method,
    key: context.idempotencyKey,
    claimant: world.id('call'),
    ...messages,
  };
}

/** One transaction that claims the key, does the work and keeps its answer. */
async function once<I extends DescMessage, O extends DescMessage>(
  { sql }: PayoutRpcParts,
  call: Call<I, O>,
  context: CallContext,
  work: (tx: SqlTransaction) => Promise<MessageInitShape<O> | Refusal>,
): Promise<MessageShape<O> | Refusal> {
  return refusableTransaction(sql, async (tx) => {
    const claim = await beginIdempotent(tx, call);
    if (claim.kind === 'refused') return claim.refusal;
    if (claim.kind === 'answered') return replayed(context, claim.answer);
    const result = await work(tx);
    if (isRefusal(result)) return result;
    const answer = create(call.output, result);
    await finishIdempotent(tx, call, answer);
    return answer;
  });
}

function replayed<T>(context: CallContext, answer: T): T {
  context.answer.idempotentReplayed = true;
  return answer;
}

/** Who asks; the access rules of the methods let only signed-in people through. */
export function userIdOf({ principal }: Pick<CallContext, 'principal'>): string {
  if (principal.kind !== 'user') throw new Error('a method for signed-in people was called by nobody');
  return principal.userId;
}

type InstructorHandlers = Pick<
  PayoutHandlers,
  | 'listMyPayouts'
  | 'listMyPayoutAccounts'
  | 'setMyPayoutAccount'
  | 'getMyTaxProfile'
  | 'setMyTaxProfile'
  | 'listMyStatements'
  | 'getMyStatement'
>;

function instructorHandlers(parts: PayoutRpcParts): InstructorHandlers {
  const { sql } = parts;
  return {
    listMyPayouts: async (request, context) => {
      const page = readPage(request, byTime);
      if (isRefusal(page)) return page;
      const filter = { payoutBatchId: '', status: '', instructorId: userIdOf(context) };
      const { rows, nextPageToken } = await listPayouts(sql, page, filter);
      return { payouts: rows.map((row) => payoutMessage(parts, row)), nextPageToken };
    },
    listMyPayoutAccounts: async (_, context) => {
      const me = userIdOf(context);
      const changes = await changesOf(sql, me);
      return {
        accounts: (await accountsOf(parts, me)).map(accountMessage),
        changes: changes.map((row) => ({
          currency: row.currency,
          method: row.method,
          maskedAccount: row.masked_account,
          changedBy: row.changed_by,
          changedAt: timestampFromDate(row.changed_at),
        })),
      };
    },
    setMyPayoutAccount: async (request, context) => {
      const account = await setAccount(parts, userIdOf(context), request, context);
      return isRefusal(account) ? account : { account: accountMessage(account) };
    },
    getMyTaxProfile: async (_, context) => {
      const profile = await taxProfileOf(sql, userIdOf(context));
      return {
        ...(profile === undefined ? {} : { profile: profileMessage(profile) }),
        rules: rulesFor(parts, profile),
      };
    },
    setMyTaxProfile: async (request, context) => {
      const profile = await setTaxProfile(parts, userIdOf(context), request);
      return isRefusal(profile) ? profile : { profile: profileMessage(profile) };
    },
    listMyStatements: async (request, context) => {
      const page = readPage(request, byTime);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listBatches(sql, page, { runId: '', instructorId: userIdOf(context) });
      return { statements: rows.map(batchMessage), nextPageToken };
    },
    getMyStatement: async (request, context) => {
      const page = readPage(request, byNumber);
      if (isRefusal(page)) return page;
      const statement = await findBatch(sql, request.id, userIdOf(context));
      if (statement === undefined) return refuse('not_found', 'You have no such statement.');
      const { rows, nextPageToken } = await listLines(sql, statement.id, page);
      return { statement: batchMessage(statement), lines: rows.map(lineMessage), nextPageToken };
    },
  };
}

function runMessage(row: RunRow): MessageInitShape<typeof SettlementRunSchema> {
  return {
    id: row.id,
    status: row.status,
    cutoffSequence: row.cutoff_sequence,
    cutoffAt: timestampFromDate(row.cutoff_at),
    makerId: row.maker_id,
    accounts: row.accounts,
    accountsSettled: row.accounts_settled,
    outputSha256: row.output_sha256,
    createdAt: timestampFromDate(row.created_at),
  };
}

function batchMessage(row: BatchRow): MessageInitShape<typeof SettlementBatchSchema> {
  return {
    id: row.id,
    runId: row.run_id,
    instructorId: row.instructor_id,
    currency: row.currency,
    afterSequence: row.after_sequence,
    cutoffSequence: row.cutoff_sequence,
    cutoffAt: timestampFromDate(row.cutoff_at),
    openingMinor: row.opening_minor,
    earnedMinor: row.earned_minor,
    adjustedMinor: row.adjusted_minor,
    returnedMinor: row.returned_minor,
    reserveReleasedMinor: row.reserve_released_minor,
    reserveHeldMinor: row.reserve_held_minor,
    tdsMinor: row.tds_minor,
    tcsMinor: row.tcs_minor,
    payoutMinor: row.payout_minor,
    closingMinor: row.closing_minor,
    heldBecause: row.held_because,
    payoutId: row.payout_id,
    statementSha256: row.statement_sha256,
  };
}

async function payoutBatchOf(
  parts: Pick<PayoutRpcParts, 'bank'> & { readonly sql: SqlExecutor },
  id: string,
): Promise<MessageInitShape<typeof PayoutBatchSchema> | Refusal> {
  const row = await findPayoutBatch(parts.sql, id);
  if (row === undefined) return refuse('not_found', 'There is no such payout batch.');
  return payoutBatchMessage(parts, row, await filesOf(parts.sql, [id]));
}

function payoutBatchMessage(
  { bank }: Pick<PayoutRpcParts, 'bank'>,
  row: SummedBatchRow,
  files: readonly FileRow[],
): MessageInitShape<typeof PayoutBatchSchema> {
  return {
    id: row.id,
    runId: row.run_id,
    status: row.status,
    currency: row.currency,
    payouts: row.payouts,
    total: { currency: row.currency, amountMinor: row.total_minor },
    makerId: row.maker_id,
    approverId: row.approver_id,
    createdAt: timestampFromDate(row.created_at),
    ...(row.approved_at === null ? {} : { approvedAt: timestampFromDate(row.approved_at) }),
    ...(row.submitted_at === null ? {} : { submittedAt: timestampFromDate(row.submitted_at) }),
    submissions: row.submissions,
    files: files
      .filter((file) => file.payout_batch_id === row.id)
      .map((file) => ({
        format: file.format,
        fileName: file.file_name,
        sha256: file.sha256,
        sizeBytes: file.size_bytes,
      })),
    simulated: bank.simulated,
  };
}

function payoutMessage({ bank }: PayoutRpcParts, row: PayoutRow): MessageInitShape<typeof PayoutSchema> {
  return {
    id: row.id,
    payoutBatchId: row.payout_batch_id,
    statementId: row.settlement_batch_id,
    instructorId: row.instructor_id,
    amount: { currency: row.currency, amountMinor: row.amount_minor },
    status: row.status,
    reason: row.reason,
    method: row.method,
    maskedAccount: row.masked_account,
    bankReference: row.bank_reference,
    createdAt: timestampFromDate(row.created_at),
    ...(row.paid_at === null ? {} : { paidAt: timestampFromDate(row.paid_at) }),
    ...(row.ended_at === null ? {} : { endedAt: timestampFromDate(row.ended_at) }),
    simulated: bank.simulated,
  };
}

function accountMessage({ row, holder, ifsc }: ShownAccount): MessageInitShape<typeof PayoutAccountSchema> {
  return {
    currency: row.currency,
    method: row.method,
    maskedAccount: row.masked_account,
    holderName: holder,
    ifsc,
    changedAt: timestampFromDate(row.changed_at),
    payableFrom: timestampFromDate(row.payable_from),
  };
}

function profileMessage(row: TaxProfileRow): MessageInitShape<typeof TaxProfileSchema> {
  return {
    maskedPan: row.masked_pan,
    entity: row.entity,
    resident: row.resident,
    gstin: row.gstin,
    changedAt: timestampFromDate(row.changed_at),
  };
}

/** The rules of today that concern this participant; without a profile those of a resident without a PAN. */
function rulesFor({ world }: PayoutRpcParts, row: TaxProfileRow | undefined) {
  const today = new Date(world.now()).toISOString().slice(0, 10);
  const hasPan = row !== undefined && row.masked_pan !== '';
  const profile = {
    hasPan,
    entity: 'individual',
    resident: row?.resident ?? true,
    hasGstin: (row?.gstin ?? '') !== '',
  } as const;
  return withholdingRules
    .filter((rule) => today >= rule.from && today <= rule.until && concerns(rule, profile))
    .map((rule) => ({
      id: rule.id,
      kind: rule.kind,
      ratePpm: hasPan ? rule.ratePpm : (rule.ratePpmWithoutPan ?? rule.ratePpm),
      base: rule.base,
      period: rule.period,
      threshold: { currency: rule.currency, amountMinor: rule.thresholdMinor },
      validFrom: rule.from,
      source: rule.source,
    }));
}

function lineMessage(line: StatementLine): MessageInitShape<typeof PayoutStatementLineSchema> {
  const { atMs, part: _, ...rest } = line;
  return { ...rest, at: timestampFromMs(atMs) };
}
