/** What payouts answers: to finance about everybody, to an instructor about themselves. */
import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  ApprovePayoutBankRequestSchema,
  ApprovePayoutBankResponseSchema,
  ApprovePayoutBatchRequestSchema,
  ApprovePayoutBatchResponseSchema,
  HandOverPayoutBatchRequestSchema,
  HandOverPayoutBatchResponseSchema,
  MakeBankStatementsRequestSchema,
  MakeBankStatementsResponseSchema,
  type PayoutAccountSchema,
  type PayoutAnswerSchema,
  type PayoutBankSchema,
  type PayoutBatchSchema,
  type PayoutSchema,
  type PayoutStatementLineSchema,
  PayoutsService,
  RejectPayoutBatchRequestSchema,
  RejectPayoutBatchResponseSchema,
  RequestInstantPayoutRequestSchema,
  RequestInstantPayoutResponseSchema,
  RequestPayoutBankRequestSchema,
  RequestPayoutBankResponseSchema,
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
import { lookIdempotent } from '@suuupra/platform/sql/idempotency';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import { readOwed, startInstant } from './instant.ts';
import { callOf, once, type PayoutRpcParts, replayed, userIdOf } from './keyed-call.ts';
import {
  type BatchRow,
  byNumber,
  byTime,
  type FileRow,
  filesOf,
  findBatch,
  findPayoutBatch,
  findRun,
  listAnswers,
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
import type { AnswerRow } from './payout-answers.ts';
import { approveBank, listBanks, type PayoutBankRow, requestBank } from './payout-banks.ts';
import {
  approveBatch,
  handOverBatch,
  type PayoutBatchRow,
  type PayoutRow,
  rejectBatch,
  resubmitBatch,
} from './payout-batches.ts';
import { currentPolicy, instantMaximum } from './policy.ts';
import { insertRun, type RunRow, readCutOff } from './runs.ts';
import type { StatementLine } from './statement.ts';
import { transferHandlers } from './transfers-rpc.ts';
import { rulesFor, withholdingHandlers } from './withholding-rpc.ts';

type PayoutHandlers = Handlers<typeof PayoutsService>;

export function payoutsRpc(parts: PayoutRpcParts): Implementation {
  return implement(PayoutsService, {
    ...financeHandlers(parts),
    ...batchHandlers(parts),
    ...bankHandlers(parts),
    ...transferHandlers(parts),
    ...withholdingHandlers(parts),
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
      const page = readPage(request, byTime, [request.runId, request.instructorId]);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listBatches(sql, page, request);
      return { batches: rows.map(batchMessage), nextPageToken };
    },
    listPayoutBatches: async (request) => {
      const page = readPage(request, byNumber, [request.status]);
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
      const page = readPage(request, byTime, [request.payoutBatchId, request.instructorId, request.status]);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listPayouts(sql, page, request);
      return { payouts: rows.map((row) => payoutMessage(row)), nextPageToken };
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

/** As a run of everybody, with what is owed read beforehand too. */
async function requestInstant(
  parts: PayoutRpcParts,
  request: MessageShape<typeof RequestInstantPayoutRequestSchema>,
  context: CallContext,
) {
  const call = callOf(parts, 'RequestInstantPayout', context, {
    input: RequestInstantPayoutRequestSchema,
    request,
    output: RequestInstantPayoutResponseSchema,
  });
  const seen = await lookIdempotent(parts.sql, call);
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  if (seen.kind === 'refused') return seen.refusal;
  const { currency } = request;
  const wisher = { instructorId: userIdOf(context), currency };
  const cutOff = await readCutOff(parts);
  const owedMinor = await readOwed(parts, wisher, cutOff);
  return once(parts, call, context, async (tx) => {
    const run = await startInstant(parts, tx, wisher, { cutOff, owedMinor, policy: currentPolicy });
    if (isRefusal(run)) return run;
    return {
      payout: {
        runId: run.id,
        currency,
        owed: { currency, amountMinor: owedMinor },
        withoutApprovalUpTo: { currency, amountMinor: instantMaximum(currentPolicy, currency) },
        requestedAt: timestampFromDate(run.created_at),
      },
    };
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

type BankHandlers = Pick<
  PayoutHandlers,
  'handOverPayoutBatch' | 'listPayoutAnswers' | 'listPayoutBanks' | 'requestPayoutBank' | 'approvePayoutBank'
>;

/** What concerns banks that take files. */
function bankHandlers(parts: PayoutRpcParts): BankHandlers {
  const { sql } = parts;
  return {
    handOverPayoutBatch: (request, context) =>
      once(
        parts,
        callOf(parts, 'HandOverPayoutBatch', context, {
          input: HandOverPayoutBatchRequestSchema,
          request,
          output: HandOverPayoutBatchResponseSchema,
        }),
        context,
        async (tx) => {
          const { id, format, fileSha256 } = request;
          const by = userIdOf(context);
          return answered(parts, tx, await handOverBatch(parts, tx, { id, format, fileSha256, by }));
        },
      ),
    listPayoutAnswers: async (request) => {
      const page = readPage(request, byNumber, [request.id]);
      if (isRefusal(page)) return page;
      if ((await findPayoutBatch(sql, request.id)) === undefined)
        return refuse('not_found', 'There is no such payout batch.');
      const { rows, nextPageToken } = await listAnswers(sql, page, request.id);
      return { answers: rows.map(answerMessage), nextPageToken };
    },
    listPayoutBanks: async () => ({ banks: (await listBanks(sql)).map(bankMessage) }),
    requestPayoutBank: (request, context) =>
      once(
        parts,
        callOf(parts, 'RequestPayoutBank', context, {
          input: RequestPayoutBankRequestSchema,
          request,
          output: RequestPayoutBankResponseSchema,
        }),
        context,
        async (tx) => {
          const bank = await requestBank(parts, tx, request, userIdOf(context));
          return isRefusal(bank) ? bank : { bank: bankMessage(bank) };
        },
      ),
    approvePayoutBank: (request, context) =>
      once(
        parts,
        callOf(parts, 'ApprovePayoutBank', context, {
          input: ApprovePayoutBankRequestSchema,
          request,
          output: ApprovePayoutBankResponseSchema,
        }),
        context,
        async (tx) => {
          const bank = await approveBank(parts, tx, { id: request.id, approverId: userIdOf(context) });
          return isRefusal(bank) ? bank : { bank: bankMessage(bank) };
        },
      ),
  };
}

function bankMessage(row: PayoutBankRow): MessageInitShape<typeof PayoutBankSchema> {
  return {
    ...{ id: row.id, legalEntity: row.legal_entity, currency: row.currency, name: row.name, status: row.status },
    ...{ debtorName: row.debtor_name, maskedAccount: row.masked_account, bankCode: row.bank_code },
    ...{ requestedBy: row.requested_by, approvedBy: row.approved_by },
    requestedAt: timestampFromDate(row.requested_at),
    ...(row.approved_at === null ? {} : { approvedAt: timestampFromDate(row.approved_at) }),
  };
}

function answerMessage(row: AnswerRow): MessageInitShape<typeof PayoutAnswerSchema> {
  return {
    ...{ id: row.id, payoutBatchId: row.payout_batch_id, format: row.format, fileName: row.file_name },
    ...{ sha256: row.sha256, sizeBytes: row.size_bytes, status: row.status, reason: row.reason },
    ...{ reasonLine: row.reason_line, reasonDetail: row.reason_detail, paid: row.paid, failed: row.failed },
    ...{ returned: row.returned, unchanged: row.unchanged, uploadedBy: row.uploaded_by },
    createdAt: timestampFromDate(row.created_at),
  };
}

async function answered(parts: PayoutRpcParts, tx: SqlTransaction, batch: PayoutBatchRow | Refusal) {
  if (isRefusal(batch)) return batch;
  const payoutBatch = await payoutBatchOf({ ...parts, sql: tx }, batch.id);
  return isRefusal(payoutBatch) ? payoutBatch : { payoutBatch };
}

type InstructorHandlers = Pick<
  PayoutHandlers,
  | 'listMyPayouts'
  | 'requestInstantPayout'
  | 'listMyPayoutAccounts'
  | 'setMyPayoutAccount'
  | 'getMyTaxProfile'
  | 'setMyTaxProfile'
  | 'listMyStatements'
  | 'getMyStatement'
>;

/**
 * How old an instructor's lists of statements and payouts may be: the platform makes both, so nobody misses in them what
 * they have just done. What an instructor sets, and one statement with its lines, come from the primary.
 */
const staleMsMax = 5_000;

function instructorHandlers(parts: PayoutRpcParts): InstructorHandlers {
  const { sql } = parts;
  const lately = sql.staleReader(staleMsMax);
  return {
    listMyPayouts: async (request, context) => {
      const page = readPage(request, byTime, ['mine', userIdOf(context)]);
      if (isRefusal(page)) return page;
      const filter = { payoutBatchId: '', status: '', instructorId: userIdOf(context) };
      const { rows, nextPageToken } = await listPayouts(lately, page, filter);
      return { payouts: rows.map((row) => payoutMessage(row)), nextPageToken };
    },
    requestInstantPayout: (request, context) => requestInstant(parts, request, context),
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
        rules: await rulesFor(parts, profile),
      };
    },
    setMyTaxProfile: async (request, context) => {
      const profile = await setTaxProfile(parts, userIdOf(context), request);
      return isRefusal(profile) ? profile : { profile: profileMessage(profile) };
    },
    listMyStatements: async (request, context) => {
      const page = readPage(request, byTime, ['mine', userIdOf(context)]);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listBatches(lately, page, { runId: '', instructorId: userIdOf(context) });
      return { statements: rows.map(batchMessage), nextPageToken };
    },
    getMyStatement: async (request, context) => {
      const page = readPage(request, byNumber, [request.id]);
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
    withholdingVersion: row.withholding_version,
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
    simulated: row.bank_id === null && bank.simulated,
    bank: row.bank_name,
    byFile: row.bank_id !== null,
    handedOverBy: row.handed_over_by,
    handedOverSha256: row.handed_over_sha256,
    legalEntity: row.legal_entity,
  };
}

function payoutMessage(row: PayoutRow): MessageInitShape<typeof PayoutSchema> {
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
    simulated: row.simulated,
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

function lineMessage(line: StatementLine): MessageInitShape<typeof PayoutStatementLineSchema> {
  const { atMs, part: _, ...rest } = line;
  return { ...rest, at: timestampFromMs(atMs) };
}
