/**
 * The bank's answers to batches that were given to it as files: each is taken whole, in one transaction, or not at all. The
 * same bytes are applied once; what is refused leaves only its record.
 */
import { createHash } from 'node:crypto';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { retrying, type SqlExecutor, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { shown } from '../reconciliation/amount.ts';
import { BadFile } from '../reconciliation/bad-file.ts';
import { PayoutContradiction } from './payout.ts';
import {
  closeWhenEnded,
  endPayout,
  findBatch,
  lockBatch,
  type PayoutBatchRow,
  type PayoutRow,
  payoutIdOf,
  payoutsOf,
} from './payout-batches.ts';
import { type AnswerFormat, type AnswerItem, type PayoutAnswer, readAnswer } from './read-answer.ts';
import type { PayoutSurroundings } from './surroundings.ts';

/** A batch has at most a thousand payouts; a pain.002 says about a kilobyte of each. */
export const answerBytesMax = 4 * 1024 * 1024;

export interface AnswerRow extends Record<string, unknown> {
  id: string;
  number: bigint;
  payout_batch_id: string;
  format: AnswerFormat;
  file_name: string;
  sha256: string;
  size_bytes: bigint;
  status: 'applied' | 'refused';
  reason: string;
  reason_line: bigint;
  reason_detail: string;
  paid: number;
  failed: number;
  returned: number;
  unchanged: number;
  uploaded_by: string;
  created_at: Date;
}

export interface UploadedAnswer {
  readonly batchId: string;
  readonly format: AnswerFormat;
  readonly name: string;
  readonly content: Uint8Array;
  readonly by: string;
  readonly cause: EventCause;
}

/** The record, applied or refused; a refusal when there is nothing to answer to, or the same bytes were applied before. */
export async function takeAnswer(
  surroundings: PayoutSurroundings,
  uploaded: UploadedAnswer,
): Promise<AnswerRow | Refusal> {
  const { sql } = surroundings;
  const sha256 = createHash('sha256').update(uploaded.content).digest('hex');
  const batch = await findBatch(sql, uploaded.batchId);
  if (batch === undefined) return refuse('not_found', 'There is no such payout batch.');
  if (batch.bank_id === null)
    return refuse('payout_batch_state', 'The sandbox bank pays this batch and tells by itself what became of it.');
  const known = await appliedAs(sql, sha256);
  if (known !== undefined) return refuse('settlement_file_known', `The same bytes were applied as ${known}.`);
  try {
    const answer = await readAnswer(uploaded.format, uploaded.content, batch);
    return await retrying(() => sql.transaction((tx) => apply(surroundings, tx, uploaded, sha256, answer)));
  } catch (error) {
    if (!(error instanceof BadFile)) throw error;
    return keepRecord(surroundings, sql, uploaded, sha256, { status: 'refused', fault: error });
  }
}

async function appliedAs(executor: SqlExecutor, sha256: string): Promise<string | undefined> {
  const [row] = await executor.query<{ id: string }>(
    "SELECT id FROM payout_answers WHERE sha256 = $1 AND status = 'applied'",
    [sha256],
  );
  return row?.id;
}

type Counts = Record<'paid' | 'failed' | 'returned' | 'unchanged', number>;

async function apply(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  uploaded: UploadedAnswer,
  sha256: string,
  answer: PayoutAnswer,
): Promise<AnswerRow | Refusal> {
  const batch = await lockBatch(tx, uploaded.batchId);
  const known = await appliedAs(tx, sha256);
  if (known !== undefined) return refuse('settlement_file_known', `The same bytes were applied as ${known}.`);
  if (batch === undefined || batch.handed_over_sha256 === '')
    return refuse('payout_batch_state', 'No file of this batch was handed over yet; note that first.');
  const payouts = await payoutsOf(tx, batch.id, ['approved', 'submitted', 'paid', 'failed', 'returned']);
  const counts: Counts = { paid: 0, failed: 0, returned: 0, unchanged: 0 };
  for (const item of itemsFor(answer, batch, payouts)) {
    const payout = payouts.find(({ id }) => id === payoutIdOf(item.endToEndId));
    counts[await applyItem(surroundings, tx, payout, item, uploaded.cause)] += 1;
  }
  await closeWhenEnded(tx, batch.id);
  return keepRecord(surroundings, tx, uploaded, sha256, { status: 'applied', counts });
}

/** What is named, or what is said of all that the file had. */
function itemsFor(answer: PayoutAnswer, batch: PayoutBatchRow, payouts: readonly PayoutRow[]): readonly AnswerItem[] {
  const { id } = batch;
  const sent = payouts.filter((payout) => !wasWithdrawn(batch, payout));
  checkOriginal(answer, sent);
  const ours = new Map(payouts.map((payout) => [payout.id, payout]));
  for (const { endToEndId, amountMinor, line } of answer.items) {
    const payout = ours.get(payoutIdOf(endToEndId));
    if (payout === undefined)
      throw new BadFile('unknown_payout', line, `The batch ${id} has no payout "${shown(endToEndId)}".`);
    if (amountMinor !== undefined && amountMinor !== payout.amount_minor)
      throw new BadFile('amount', line, `The payout ${shown(endToEndId)} has another amount.`);
  }
  if (answer.rest === 'pending') return answer.items;
  return sent.map(
    (payout): AnswerItem => ({
      ...{ line: 0, endToEndId: payout.id, amountMinor: undefined, outcome: answer.rest },
      ...{ reason: answer.restReason, bankReference: '' },
    }),
  );
}

/** It failed before the batch was approved: no file that the bank has seen had it. */
function wasWithdrawn({ approved_at: approvedAt }: PayoutBatchRow, { status, ended_at: endedAt }: PayoutRow): boolean {
  return status === 'failed' && approvedAt !== null && endedAt !== null && endedAt <= approvedAt;
}

function checkOriginal({ original }: PayoutAnswer, sent: readonly PayoutRow[]): void {
  const total = sent.reduce((sum, { amount_minor: amount }) => sum + amount, 0n);
  for (const { line, payouts, sumMinor } of original) {
    if (payouts !== undefined && payouts !== sent.length)
      throw new BadFile(
        'count',
        line,
        `The answer is to a file of ${payouts} payouts; the batch's has ${sent.length}.`,
      );
    if (sumMinor !== undefined && sumMinor !== total)
      throw new BadFile('arithmetic', line, "The answer is to a file of another sum than the batch's.");
  }
}

/** Throws BadFile where the answer contradicts what the bank said before: then all of it is taken back. */
async function applyItem(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  payout: PayoutRow | undefined,
  item: AnswerItem,
  cause: EventCause,
): Promise<keyof Counts> {
  if (payout === undefined || item.outcome === 'pending') return 'unchanged';
  const { bankReference } = item;
  const wasPaid = payout.status === 'paid' || payout.status === 'returned';
  const status = item.outcome === 'not_paid' ? (wasPaid ? 'returned' : 'failed') : item.outcome;
  if (payout.status === status) return 'unchanged';
  const reason = status === 'paid' ? '' : item.reason === '' ? 'rejected' : item.reason;
  try {
    // What came back had gone out, though the bank tells of both at once.
    const isUnpaid = payout.status === 'approved' || payout.status === 'submitted';
    if (status === 'returned' && isUnpaid) {
      await endPayout(surroundings, tx, payout, { status: 'paid', reason: '', bankReference }, cause);
      await endPayout(surroundings, tx, { ...payout, status: 'paid' }, { status, reason, bankReference }, cause);
    } else await endPayout(surroundings, tx, payout, { status, reason, bankReference }, cause);
  } catch (error) {
    if (!(error instanceof PayoutContradiction)) throw error;
    throw new BadFile('contradiction', item.line, `${shown(item.endToEndId)}: ${error.message}.`);
  }
  return status;
}

type Outcome =
  | { readonly status: 'applied'; readonly counts: Counts }
  | { readonly status: 'refused'; readonly fault: BadFile };

async function keepRecord(
  { seal, world }: PayoutSurroundings,
  executor: SqlExecutor,
  uploaded: UploadedAnswer,
  sha256: string,
  record: Outcome,
): Promise<AnswerRow> {
  const id = world.id('pan');
  const counts = record.status === 'applied' ? record.counts : { paid: 0, failed: 0, returned: 0, unchanged: 0 };
  const fault = record.status === 'refused' ? record.fault : undefined;
  // Only what had an effect is kept, for whoever asks later why.
  const content = fault === undefined ? Buffer.from(uploaded.content).toString('base64') : '';
  const [row] = await executor.query<AnswerRow>(
    `INSERT INTO payout_answers (id, payout_batch_id, format, file_name, sha256, size_bytes, status, reason, reason_line,
       reason_detail, paid, failed, returned, unchanged, uploaded_by, sealed_content, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING *`,
    [
      ...[id, uploaded.batchId, uploaded.format, uploaded.name, sha256, uploaded.content.byteLength, record.status],
      ...[fault?.reason ?? '', fault?.line ?? 0, fault?.message ?? ''],
      ...[counts.paid, counts.failed, counts.returned, counts.unchanged, uploaded.by],
      ...[content === '' ? '' : seal.seal(content, `payout-answer/${id}`), new Date(world.now())],
    ],
  );
  if (row === undefined) throw new Error('an answer was not written');
  return row;
}
