/**
 * Payout batches, in the order of their life: made with their files by a run, approved by somebody else, sent to the bank,
 * and ended payout by payout as the bank says what became of each.
 */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  PayoutPaidSchema,
  PayoutReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { retrying, type SqlExecutor, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { expectMoney } from '../reconciliation/expectations.ts';
import type { BankInstruction, BankOutcome, Destination } from './bank.ts';
import { addJournal } from './booking.ts';
import { hashId, sha256Hex } from './hash-id.ts';
import { PayoutContradiction, type PayoutStatus, payoutPaid, payoutReturned, step } from './payout.ts';
import { activeBank, payerOf } from './payout-banks.ts';
import { type PayoutFileFormat, payoutFiles } from './payout-file.ts';
import { instantMaximum, type SettlementPolicy } from './policy.ts';
import type { PayoutSurroundings } from './surroundings.ts';

export interface PayoutBatchRow extends Record<string, unknown> {
  id: string;
  run_id: string;
  number: bigint;
  status: 'created' | 'approved' | 'submitted' | 'closed' | 'rejected';
  currency: string;
  maker_id: string;
  approver_id: string;
  created_at: Date;
  approved_at: Date | null;
  submitted_at: Date | null;
  submissions: number;
  /** When it may be sent next, once it is approved. */
  due_at: Date;
  /** The bank that takes its files; null: the sandbox, to which it is sent. */
  bank_id: string | null;
  bank_name: string;
  legal_entity: string;
  handed_over_by: string;
  /** Of the file that was given to the bank; '' until one was. */
  handed_over_sha256: string;
}

export interface PayoutRow extends Record<string, unknown> {
  id: string;
  payout_batch_id: string;
  settlement_batch_id: string;
  instructor_id: string;
  currency: string;
  amount_minor: bigint;
  status: PayoutStatus;
  reason: string;
  method: string;
  masked_account: string;
  sealed_account: string;
  bank_reference: string;
  bank_name: string;
  simulated: boolean;
  created_at: Date;
  paid_at: Date | null;
  ended_at: Date | null;
}

/** What a bank takes in one file, and what one transaction writes. */
const payoutsInBatch = 1_000;

/** Makes the batches and files of a run's payouts: one for each currency and thousand. */
export async function createPayoutBatches(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  run: { readonly id: string; readonly maker_id: string; readonly cutoff_at: Date },
): Promise<void> {
  await withdrawChanged(surroundings, tx, run.id);
  const currencies = await tx.query<{ currency: string; payouts: bigint }>(
    `SELECT currency, count(*) AS payouts FROM payouts WHERE run_id = $1 AND payout_batch_id IS NULL
     GROUP BY currency ORDER BY currency`,
    [run.id],
  );
  for (const { currency, payouts } of currencies) {
    const bank = await activeBank(tx, currency);
    for (let part = 0; part * payoutsInBatch < Number(payouts); part += 1) {
      const id = hashId('pbt', run.id, currency, `${part}`);
      await tx.execute(
        `INSERT INTO payout_batches (id, run_id, status, currency, maker_id, created_at, bank_id, bank_name, legal_entity)
         VALUES ($1, $2, 'created', $3, $4, $5, $6, $7, $8)`,
        [
          ...[id, run.id, currency, run.maker_id, run.cutoff_at],
          ...[bank?.id ?? null, bank?.name ?? surroundings.bank.name, bank?.legal_entity ?? ''],
        ],
      );
      await tx.execute(
        `UPDATE payouts SET payout_batch_id = $1, bank_name = $5, simulated = $6 WHERE id IN (
           SELECT id FROM payouts WHERE run_id = $2 AND currency = $3 AND payout_batch_id IS NULL ORDER BY id LIMIT $4)`,
        [
          ...[id, run.id, currency, payoutsInBatch, bank?.name ?? surroundings.bank.name],
          bank === undefined && surroundings.bank.simulated,
        ],
      );
      await writeFiles(surroundings, tx, id);
      await closeWhenEnded(tx, id);
    }
  }
}

/** An account was changed while the run went on: what was made for the old one is not sent. */
async function withdrawChanged(surroundings: PayoutSurroundings, tx: SqlTransaction, runId: string): Promise<void> {
  const changed = await tx.query<PayoutRow>(
    `SELECT payouts.* FROM payouts JOIN payout_accounts AS account USING (instructor_id, currency)
     WHERE payouts.run_id = $1 AND payouts.status = 'created' AND account.sealed_account <> payouts.sealed_account
     ORDER BY payouts.id`,
    [runId],
  );
  for (const payout of changed)
    await endPayout(surroundings, tx, payout, { status: 'failed', reason: 'account_changed' });
}

/** Makes the files of a batch from the payouts that are still to be made. */
async function writeFiles(surroundings: PayoutSurroundings, tx: SqlTransaction, batchId: string): Promise<void> {
  const { seal } = surroundings;
  const batch = await lockBatch(tx, batchId);
  if (batch === undefined) throw new Error(`there is no payout batch ${batchId}`);
  const payouts = await payoutsOf(tx, batchId, ['created', 'approved']);
  const instructions = payouts.map((payout) => instructionOf(seal, payout));
  const { currency } = batch;
  const payer = batch.bank_id === null ? {} : { payer: await payerOf(surroundings, tx, batch.bank_id) };
  const files = payoutFiles({ batchId, currency, createdAtMs: batch.created_at.getTime(), instructions, ...payer });
  for (const { format, name, content } of files) {
    await tx.execute(
      `INSERT INTO payout_files (payout_batch_id, format, file_name, sha256, size_bytes, sealed_content)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (payout_batch_id, format) DO UPDATE SET
         sha256 = excluded.sha256, size_bytes = excluded.size_bytes, sealed_content = excluded.sealed_content`,
      [
        batchId,
        format,
        name,
        sha256Hex(content),
        Buffer.byteLength(content),
        seal.seal(content, `${batchId}/${format}`),
      ],
    );
  }
}

/** Which of ours it is, on the bank's statement: a payout's id, in the signs that every bank takes. */
export function endToEndIdOf(payoutId: string): string {
  return payoutId.replaceAll('_', '-');
}

export function payoutIdOf(endToEndId: string): string {
  return endToEndId.replaceAll('-', '_');
}

/** What a sealed account is bound to: it opens for no other instructor or currency. */
export function accountSealedFor(instructorId: string, currency: string): string {
  return `payout-account/${instructorId}/${currency}`;
}

function instructionOf(seal: PayoutSurroundings['seal'], payout: PayoutRow): BankInstruction {
  const opened = seal.open(payout.sealed_account, accountSealedFor(payout.instructor_id, payout.currency));
  return {
    endToEndId: endToEndIdOf(payout.id),
    currency: payout.currency,
    amountMinor: payout.amount_minor,
    destination: JSON.parse(opened) as Destination,
  };
}

export async function payoutsOf(
  tx: SqlExecutor,
  batchId: string,
  statuses: readonly PayoutStatus[],
): Promise<PayoutRow[]> {
  return tx.query<PayoutRow>('SELECT * FROM payouts WHERE payout_batch_id = $1 AND status = ANY($2) ORDER BY id', [
    batchId,
    statuses,
  ]);
}

export async function findBatch(executor: SqlExecutor, id: string): Promise<PayoutBatchRow | undefined> {
  const [batch] = await executor.query<PayoutBatchRow>('SELECT * FROM payout_batches WHERE id = $1', [id]);
  return batch;
}

export async function lockBatch(tx: SqlTransaction, id: string): Promise<PayoutBatchRow | undefined> {
  const [batch] = await tx.query<PayoutBatchRow>('SELECT * FROM payout_batches WHERE id = $1 FOR UPDATE', [id]);
  return batch;
}

const noSuchBatch = () => refuse('not_found', 'There is no such payout batch.');

/** Refuses whoever made it, and a file that is not the one the approver looked at. */
export async function approveBatch(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  request: { readonly id: string; readonly fileSha256: string; readonly approverId: string },
): Promise<PayoutBatchRow | Refusal> {
  const batch = await lockBatch(tx, request.id);
  if (batch === undefined) return noSuchBatch();
  if (batch.maker_id === request.approverId)
    return refuse('own_payout_batch', 'You started the run that made this batch; another finance person approves it.');
  if (batch.status === 'approved' && batch.approver_id === request.approverId) return batch;
  if (batch.status !== 'created') return pastThat(batch, 'approved');
  if (request.fileSha256 !== '' && request.fileSha256 !== (await fileHash(tx, batch.id, 'pain_001')))
    return refuse('payout_file_differs', 'The file was made again since you looked at it; look at it again.');
  const [approved] = await tx.query<PayoutBatchRow>(
    "UPDATE payout_batches SET status = 'approved', approver_id = $2, approved_at = $3, due_at = $3 WHERE id = $1 RETURNING *",
    [batch.id, request.approverId, new Date(surroundings.world.now())],
  );
  await tx.execute("UPDATE payouts SET status = 'approved' WHERE payout_batch_id = $1 AND status = 'created'", [
    batch.id,
  ]);
  tx.afterCommit(() => surroundings.nudge());
  return approved ?? noSuchBatch();
}

/** Who approves what the policy allows. No person has this id. */
const byPolicy = 'system';

/** Approves what an instant run has made, up to the policy's limit; the rest waits for a person. */
export async function approveByPolicy(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  run: { readonly id: string; readonly only_currency: string; readonly policy: SettlementPolicy },
): Promise<void> {
  const batches = await tx.query<{ id: string; total_minor: bigint }>(
    `SELECT payout_batch_id AS id, sum(amount_minor)::bigint AS total_minor FROM payouts
     WHERE run_id = $1 AND status = 'created' GROUP BY payout_batch_id`,
    [run.id],
  );
  for (const { id, total_minor: total } of batches) {
    if (total > instantMaximum(run.policy, run.only_currency)) continue;
    const approved = await approveBatch(surroundings, tx, { id, fileSha256: '', approverId: byPolicy });
    if (isRefusal(approved)) throw new Error(`an instant payout was not approved: ${approved.code}`);
  }
}

async function fileHash(tx: SqlExecutor, batchId: string, format: PayoutFileFormat): Promise<string> {
  const [file] = await tx.query<{ sha256: string }>(
    'SELECT sha256 FROM payout_files WHERE payout_batch_id = $1 AND format = $2',
    [batchId, format],
  );
  return file?.sha256 ?? '';
}

function pastThat({ status }: PayoutBatchRow, wanted: string): Refusal {
  return refuse('payout_batch_state', `The batch is ${status}; it cannot be ${wanted} any more.`);
}

/** Nothing of it is sent: every payout fails and is owed again. */
export async function rejectBatch(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  request: { readonly id: string },
  cause?: EventCause,
): Promise<PayoutBatchRow | Refusal> {
  const batch = await lockBatch(tx, request.id);
  if (batch === undefined) return noSuchBatch();
  if (batch.status === 'rejected') return batch;
  if (batch.status !== 'created') return pastThat(batch, 'rejected');
  for (const payout of await payoutsOf(tx, batch.id, ['created']))
    await endPayout(surroundings, tx, payout, { status: 'failed', reason: 'rejected_by_finance' }, cause);
  const [rejected] = await tx.query<PayoutBatchRow>(
    "UPDATE payout_batches SET status = 'rejected' WHERE id = $1 RETURNING *",
    [batch.id],
  );
  tx.afterCommit(() => surroundings.nudge());
  return rejected ?? noSuchBatch();
}

/** An account was changed: what was made for the old one and is not approved yet is not sent, and the files are made again. */
export async function withdrawPayouts(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  account: { readonly instructorId: string; readonly currency: string },
  cause?: EventCause,
): Promise<void> {
  const batches = await tx.query<{ id: string }>(
    `SELECT DISTINCT payout_batch_id AS id FROM payouts
     WHERE instructor_id = $1 AND currency = $2 AND status = 'created' AND payout_batch_id IS NOT NULL ORDER BY id`,
    [account.instructorId, account.currency],
  );
  for (const { id } of batches) {
    const batch = await lockBatch(tx, id);
    if (batch?.status !== 'created') continue;
    const payouts = await payoutsOf(tx, id, ['created']);
    for (const payout of payouts.filter((each) => each.instructor_id === account.instructorId))
      await endPayout(surroundings, tx, payout, { status: 'failed', reason: 'account_changed' }, cause);
    await writeFiles(surroundings, tx, id);
    await closeWhenEnded(tx, id);
  }
}

/** A claimed batch is left to its process for this long: after a crash none waits longer. The bank takes one much sooner. */
export const sendingMsMax = 60_000;
/** A batch that could not be sent lets the others go first, and is tried again after this time. */
const sendAgainMs = 5_000;

/**
 * Sends an approved batch whose journals are booked, of those that no other process is sending. True when one was sent.
 * Throws what the bank throws; the batch is due again soon.
 */
export async function submitApproved(surroundings: PayoutSurroundings): Promise<boolean> {
  const batch = await claimBatch(surroundings);
  if (batch === undefined) return false;
  try {
    await submitBatch(surroundings, batch);
  } catch (error) {
    await putOff(surroundings, batch).catch((fault: unknown) => {
      // The claim ends by itself; what kept the batch from being sent is thrown.
      surroundings.log.warn('a payout batch waits until its claim ends', { batch: batch.id, error: fault });
    });
    throw error;
  }
  return true;
}

/** Puts off when the batch is due, so that nobody else sends it until this process has, or is dead. */
async function claimBatch({ sql, world }: PayoutSurroundings): Promise<PayoutBatchRow | undefined> {
  const nowMs = world.now();
  const [batch] = await sql.query<PayoutBatchRow>(
    `UPDATE payout_batches SET due_at = $2 WHERE id = (
       SELECT batch.id FROM payout_batches AS batch WHERE status = 'approved' AND bank_id IS NULL AND due_at <= $1 AND NOT EXISTS (
         SELECT 1 FROM payouts JOIN payout_journals AS journal ON journal.payout_id = payouts.id
         WHERE payouts.payout_batch_id = batch.id AND journal.state <> 'booked')
       ORDER BY due_at, number LIMIT 1 FOR UPDATE OF batch SKIP LOCKED)
     RETURNING *`,
    [new Date(nowMs), new Date(nowMs + sendingMsMax)],
  );
  return batch;
}

async function putOff({ sql, world }: PayoutSurroundings, claimed: PayoutBatchRow): Promise<void> {
  await sql.execute("UPDATE payout_batches SET due_at = $3 WHERE id = $1 AND status = 'approved' AND due_at = $2", [
    claimed.id,
    claimed.due_at,
    new Date(world.now() + sendAgainMs),
  ]);
}

/** When the next batch is due that is being sent or could not be sent, in milliseconds; undefined when there is none. */
export async function nextSendingMs({ sql, world }: PayoutSurroundings): Promise<number | undefined> {
  const [row] = await sql.query<{ next: Date | null }>(
    "SELECT min(due_at) AS next FROM payout_batches WHERE status = 'approved' AND bank_id IS NULL AND due_at > $1",
    [new Date(world.now())],
  );
  return row?.next?.getTime();
}

/** Sends a batch to the bank, outside any transaction; sent again after a crash, the bank knows its ids. */
async function submitBatch({ sql, bank, seal, world }: PayoutSurroundings, claimed: PayoutBatchRow): Promise<void> {
  const payouts = await payoutsOf(sql, claimed.id, ['approved', 'submitted']);
  await bank.submit({ id: claimed.id, instructions: payouts.map((payout) => instructionOf(seal, payout)) });
  await sql.transaction(async (tx) => {
    const now = await lockBatch(tx, claimed.id);
    // Whoever claimed it since sends it again and notes that.
    if (now?.status !== 'approved' || now.due_at.getTime() !== claimed.due_at.getTime()) return;
    await tx.execute("UPDATE payouts SET status = 'submitted' WHERE payout_batch_id = $1 AND status = 'approved'", [
      claimed.id,
    ]);
    await tx.execute(
      `UPDATE payout_batches SET status = 'submitted', submitted_at = coalesce(submitted_at, $2), submissions = submissions + 1
       WHERE id = $1`,
      [claimed.id, new Date(world.now())],
    );
    await closeWhenEnded(tx, claimed.id);
  });
}

/** Has a submitted batch sent again under the same ids, by the loop. */
export async function resubmitBatch(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  request: { readonly id: string },
): Promise<PayoutBatchRow | Refusal> {
  const batch = await lockBatch(tx, request.id);
  if (batch === undefined) return noSuchBatch();
  if (batch.bank_id !== null)
    return refuse('payout_batch_state', `${batch.bank_name} takes files: hand the same file over again.`);
  if (batch.status === 'approved') return batch;
  if (batch.status !== 'submitted') return pastThat(batch, 'submitted');
  const [again] = await tx.query<PayoutBatchRow>(
    "UPDATE payout_batches SET status = 'approved', due_at = $2 WHERE id = $1 RETURNING *",
    [batch.id, new Date(surroundings.world.now())],
  );
  tx.afterCommit(() => surroundings.nudge());
  return again ?? noSuchBatch();
}

/**
 * Notes that a person gave this file of an approved batch to the bank; from there on its answers are taken. Once more under
 * the same ids is counted: the file is the same to the byte, and the bank pays each id once.
 */
export async function handOverBatch(
  { world }: PayoutSurroundings,
  tx: SqlTransaction,
  request: { readonly id: string; readonly format: string; readonly fileSha256: string; readonly by: string },
): Promise<PayoutBatchRow | Refusal> {
  const batch = await lockBatch(tx, request.id);
  if (batch === undefined) return noSuchBatch();
  if (batch.bank_id === null) return refuse('payout_batch_state', 'The sandbox bank is sent its batches by itself.');
  if (batch.maker_id === request.by)
    return refuse(
      'own_payout_batch',
      'You started the run that made this batch; another finance person hands it over.',
    );
  if (batch.status !== 'approved' && batch.status !== 'submitted') return pastThat(batch, 'handed over');
  const [waiting] = await tx.query(
    `SELECT 1 FROM payouts JOIN payout_journals AS journal ON journal.payout_id = payouts.id
     WHERE payouts.payout_batch_id = $1 AND journal.state <> 'booked' LIMIT 1`,
    [batch.id],
  );
  if (waiting !== undefined)
    return refuse('payout_batch_state', 'Its journals are not all in the book yet; try again in a moment.');
  const [file] = await tx.query<{ sha256: string }>(
    'SELECT sha256 FROM payout_files WHERE payout_batch_id = $1 AND format = $2',
    [batch.id, request.format],
  );
  if (file?.sha256 !== request.fileSha256)
    return refuse('payout_file_differs', 'These are not the bytes of a file of this batch; download it again.');
  await tx.execute("UPDATE payouts SET status = 'submitted' WHERE payout_batch_id = $1 AND status = 'approved'", [
    batch.id,
  ]);
  const [handed] = await tx.query<PayoutBatchRow>(
    `UPDATE payout_batches SET status = 'submitted', submitted_at = coalesce(submitted_at, $2), submissions = submissions + 1,
       handed_over_by = $3, handed_over_sha256 = $4 WHERE id = $1 RETURNING *`,
    [batch.id, new Date(world.now()), request.by, request.fileSha256],
  );
  return handed ?? noSuchBatch();
}

const outcomesMax = 100;

/** Takes in what the bank says became of payouts. True when there may be more. */
export async function hearOutcomes(surroundings: PayoutSurroundings): Promise<boolean> {
  const { sql, bank } = surroundings;
  const [progress] = await sql.query<{ outcomes_after: string }>('SELECT outcomes_after FROM payout_progress');
  const after = progress?.outcomes_after ?? '';
  const outcomes = await bank.outcomesAfter(after, outcomesMax);
  let heard = after;
  for (const outcome of outcomes) {
    const from = heard;
    await retrying(() => sql.transaction((tx) => hearOutcome(surroundings, tx, from, outcome)));
    heard = outcome.position;
  }
  return outcomes.length === outcomesMax;
}

async function hearOutcome(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  after: string,
  outcome: BankOutcome,
): Promise<void> {
  const moved = await tx.execute('UPDATE payout_progress SET outcomes_after = $2 WHERE outcomes_after = $1', [
    after,
    outcome.position,
  ]);
  // Another process has heard it.
  if (moved === 0) return;
  const id = payoutIdOf(outcome.endToEndId);
  const [found] = await tx.query<{ payout_batch_id: string }>('SELECT payout_batch_id FROM payouts WHERE id = $1', [
    id,
  ]);
  if (found === undefined) {
    surroundings.log.error('the bank tells of a payout that is not ours', { endToEndId: outcome.endToEndId });
    return;
  }
  await lockBatch(tx, found.payout_batch_id);
  const [payout] = await tx.query<PayoutRow>('SELECT * FROM payouts WHERE id = $1 FOR UPDATE', [id]);
  if (payout === undefined) return;
  try {
    await endPayout(surroundings, tx, payout, {
      status: outcome.status === 'rejected' ? 'failed' : outcome.status,
      reason: outcome.reason,
      bankReference: outcome.bankReference,
      atMs: outcome.atMs,
    });
  } catch (error) {
    // Thrown before anything is written. It is for people to look at, and must keep no other payout waiting.
    if (!(error instanceof PayoutContradiction)) throw error;
    surroundings.log.error('the bank contradicts itself about a payout', { payoutId: id, error });
  }
  await closeWhenEnded(tx, payout.payout_batch_id);
}

interface Ending {
  readonly status: 'paid' | 'failed' | 'returned';
  readonly reason: string;
  readonly bankReference?: string;
  readonly atMs?: number;
}

/** Writes down how a payout ended, its journal and its event, together. Hearing it again changes nothing. */
export async function endPayout(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  payout: PayoutRow,
  ending: Ending,
  cause?: EventCause,
): Promise<void> {
  // The bank may be faster than our own note that it was sent.
  const from = payout.status === 'approved' && ending.bankReference !== undefined ? 'submitted' : payout.status;
  if (step(from, ending.status) === 'same') return;
  const at = new Date(ending.atMs ?? surroundings.world.now());
  await tx.execute(
    `UPDATE payouts SET status = $2, reason = $3, bank_reference = CASE WHEN $4 = '' THEN bank_reference ELSE $4 END,
       paid_at = CASE WHEN $2 = 'paid' THEN $5 ELSE paid_at END, ended_at = $5 WHERE id = $1`,
    [payout.id, ending.status, ending.reason, ending.bankReference ?? '', at],
  );
  const { id, instructor_id: instructorId, currency, amount_minor: amountMinor } = payout;
  const isPaid = ending.status === 'paid';
  const wasPaid = payout.status === 'paid';
  await addJournal(tx, {
    id,
    kind: isPaid ? 'payout_paid' : 'payout_returned',
    payoutId: '',
    reference: `payout:${id}`,
    description: isPaid ? 'Payout paid by the bank' : `Payout ${ending.status}: ${ending.reason}`,
    currency,
    transfers: isPaid ? payoutPaid(instructorId, amountMinor) : payoutReturned(instructorId, amountMinor, wasPaid),
  });
  // What the bank says it did must stand on its statement too: reconciliation waits for the line.
  if (isPaid || wasPaid)
    await expectMoney(tx, {
      side: 'bank',
      kind: isPaid ? 'payout' : 'payout_return',
      currency,
      amountMinor: isPaid ? -amountMinor : amountMinor,
      references: [id],
      expectedAtMs: at.getTime(),
    });
  await tellEnding(surroundings, tx, payout, ending, at, cause);
  tx.afterCommit(() => surroundings.nudge());
}

async function tellEnding(
  { publishIn }: PayoutSurroundings,
  tx: SqlTransaction,
  payout: PayoutRow,
  ending: Ending,
  at: Date,
  cause?: EventCause,
): Promise<void> {
  const common = {
    payoutId: payout.id,
    instructorId: payout.instructor_id,
    amount: { currency: payout.currency, amountMinor: payout.amount_minor },
    maskedAccount: payout.masked_account,
    bank: payout.bank_name,
  };
  const moment = timestampFromMs(at.getTime());
  const publish = publishIn(tx);
  if (ending.status === 'paid')
    await publish(PayoutPaidSchema, { ...common, statementId: payout.settlement_batch_id, paidAt: moment }, cause);
  else await publish(PayoutReturnedSchema, { ...common, reason: ending.reason, returnedAt: moment }, cause);
}

/** A batch is closed when each of its payouts has ended; one that is returned later does not open it again. */
export async function closeWhenEnded(tx: SqlTransaction, batchId: string): Promise<void> {
  await tx.execute(
    `UPDATE payout_batches SET status = 'closed' WHERE id = $1 AND status IN ('created', 'submitted') AND NOT EXISTS (
       SELECT 1 FROM payouts WHERE payout_batch_id = $1 AND status IN ('created', 'approved', 'submitted'))`,
    [batchId],
  );
}
