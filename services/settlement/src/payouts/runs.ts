/**
 * Settlement runs: everybody is settled up to one place in the book, chunk by chunk. Each chunk commits its settlements,
 * its payouts, its journals and how far it came in one transaction, so a run that is killed anywhere goes on where it was
 * and ends with the same statements, files and journal ids.
 */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Movement } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import { addJournal } from './booking.ts';
import { hashId, sha256Hex } from './hash-id.ts';
import { payable, payableParent, payoutPrepared, reserveReleased } from './payout.ts';
import { approveByPolicy, createPayoutBatches } from './payout-batches.ts';
import { currentPolicy, type SettlementPolicy } from './policy.ts';
import {
  type AccountMovement,
  type Settlement,
  type SettlementInput,
  type StatementLine,
  settle,
} from './statement.ts';
import type { PayoutSurroundings } from './surroundings.ts';
import type { TaxProfileFacts, WithheldSoFar, WithholdingRule } from './withholding.ts';
import { rulesOfVersion, versionForRun } from './withholding-versions.ts';

export interface RunRow extends Record<string, unknown> {
  id: string;
  number: bigint;
  status: 'collecting' | 'settling' | 'done';
  after_sequence: bigint;
  cutoff_sequence: bigint;
  cutoff_label: string;
  cutoff_at: Date;
  maker_id: string;
  policy: SettlementPolicy;
  page_token: string;
  accounts: bigint;
  accounts_settled: bigint;
  output_sha256: string;
  /** The one account that is settled, at the instructor's wish; '' when it is everybody. */
  only_instructor_id: string;
  only_currency: string;
  withholding_version: bigint;
  created_at: Date;
}

/** Accounts settled by one transaction. */
export const accountsInChunk = 10;
/** The ledger's largest page. */
const pageSize = 100;
/** More movements than this in one settlement of one account are not read: memory is bounded, and somebody must look. */
const movementsMax = 200_000;

/** The place in the book that a run settles up to. Read outside any transaction. */
export interface CutOff {
  readonly sequence: bigint;
  readonly atMs: number;
}

export async function readCutOff({ ledger, world }: PayoutSurroundings): Promise<CutOff> {
  const position = await ledger.getPosition({});
  if (isRefusal(position)) throw new Error(`the ledger refused its position: ${position.code}`);
  const { recordedAt, sequence } = position;
  return { sequence, atMs: recordedAt === undefined ? world.now() : Math.max(world.now(), timestampMs(recordedAt)) };
}

/** Starts a run up to the cut-off. Refuses `settlement_running` while another is under way. */
export async function insertRun(
  surroundings: PayoutSurroundings,
  tx: SqlTransaction,
  cutOff: CutOff,
  makerId: string,
  only?: { readonly instructorId: string; readonly currency: string },
): Promise<RunRow | Refusal> {
  // No run ends before another has; but what moved is looked for from the last run of everybody on.
  const [last] = await tx.query<{ until: bigint | null; everybody: bigint | null }>(
    `SELECT max(cutoff_sequence) AS until, max(cutoff_sequence) FILTER (WHERE only_instructor_id = '') AS everybody
     FROM settlement_runs`,
  );
  const until = last?.until ?? 0n;
  const sequence = cutOff.sequence > until ? cutOff.sequence : until;
  const [{ same = 0n } = {}] = await tx.query<{ same: bigint }>(
    'SELECT count(*) AS same FROM settlement_runs WHERE cutoff_sequence = $1',
    [sequence],
  );
  const label = same === 0n ? `${sequence}` : `${sequence}.${same}`;
  const [run] = await tx.query<RunRow>(
    `INSERT INTO settlement_runs (id, status, after_sequence, cutoff_sequence, cutoff_label, cutoff_at, maker_id, policy,
       created_at, only_instructor_id, only_currency, withholding_version)
     VALUES ($1, 'collecting', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING *`,
    [
      hashId('run', label),
      last?.everybody ?? 0n,
      sequence,
      label,
      new Date(cutOff.atMs),
      makerId,
      JSON.stringify(currentPolicy),
      new Date(surroundings.world.now()),
      only?.instructorId ?? '',
      only?.currency ?? '',
      await versionForRun(tx),
    ],
  );
  if (run === undefined)
    return refuse('settlement_running', 'A settlement run is under way; wait until it is done and start again.');
  tx.afterCommit(() => surroundings.nudge());
  return run;
}

/** Does the next chunk of the run that is under way. False when none is. */
export async function advanceRun(surroundings: PayoutSurroundings): Promise<boolean> {
  const [run] = await surroundings.sql.query<RunRow>("SELECT * FROM settlement_runs WHERE status <> 'done'");
  if (run === undefined) return false;
  if (run.status === 'collecting' && run.only_instructor_id !== '') await collectOne(surroundings, run);
  else if (run.status === 'collecting') await collectAccounts(surroundings, run);
  else await settleChunk(surroundings, run);
  return true;
}

/** Locks the run; undefined when another process has done this chunk meanwhile. */
async function lockRun(tx: SqlTransaction, seen: RunRow): Promise<RunRow | undefined> {
  const [run] = await tx.query<RunRow>('SELECT * FROM settlement_runs WHERE id = $1 FOR UPDATE', [seen.id]);
  const isAsSeen =
    run !== undefined &&
    run.status === seen.status &&
    run.page_token === seen.page_token &&
    run.accounts_settled === seen.accounts_settled;
  return isAsSeen ? run : undefined;
}

async function collectOne({ sql }: PayoutSurroundings, run: RunRow): Promise<void> {
  await sql.transaction(async (tx) => {
    if ((await lockRun(tx, run)) === undefined) return;
    await tx.execute(
      'INSERT INTO settlement_run_accounts (run_id, currency, instructor_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
      [run.id, run.only_currency, run.only_instructor_id],
    );
    await tx.execute("UPDATE settlement_runs SET accounts = 1, status = 'settling' WHERE id = $1", [run.id]);
  });
}

/** One page of the accounts that moved; after the last page also those that wait for something. */
async function collectAccounts({ sql, ledger }: PayoutSurroundings, run: RunRow): Promise<void> {
  const page = await ledger.listMovedAccounts({
    parent: payableParent,
    afterSequence: run.after_sequence,
    untilSequence: run.cutoff_sequence,
    pageSize,
    pageToken: run.page_token,
  });
  if (isRefusal(page)) throw new Error(`the ledger refused its moved accounts: ${page.code}`);
  const moved = page.accounts.map(({ account, currency }) => ({
    currency,
    instructor_id: account.slice(payableParent.length + 1),
  }));
  await sql.transaction(async (tx) => {
    if ((await lockRun(tx, run)) === undefined) return;
    await tx.execute(
      `INSERT INTO settlement_run_accounts (run_id, currency, instructor_id)
       SELECT $1, currency, instructor_id FROM jsonb_to_recordset($2::jsonb) AS moved (currency text, instructor_id text)
       WHERE instructor_id <> '' ON CONFLICT DO NOTHING`,
      [run.id, JSON.stringify(moved)],
    );
    if (page.nextPageToken === '') await collectWaiting(tx, run);
    await tx.execute('UPDATE settlement_runs SET page_token = $2, status = $3 WHERE id = $1', [
      run.id,
      page.nextPageToken,
      page.nextPageToken === '' ? 'settling' : 'collecting',
    ]);
  });
}

/** Accounts that did not move, but have a reserve to be released or were held for want of a usable account. */
async function collectWaiting(tx: SqlTransaction, run: RunRow): Promise<void> {
  await tx.execute(
    `INSERT INTO settlement_run_accounts (run_id, currency, instructor_id)
     SELECT $1, currency, instructor_id FROM reserves WHERE released_by IS NULL AND release_at <= $2
     UNION SELECT $1, currency, instructor_id FROM settled_accounts WHERE held_because IN ('no_account', 'account_cooling')
     ON CONFLICT DO NOTHING`,
    [run.id, run.cutoff_at],
  );
  await tx.execute(
    'UPDATE settlement_runs SET accounts = (SELECT count(*) FROM settlement_run_accounts WHERE run_id = $1) WHERE id = $1',
    [run.id],
  );
}

interface AccountKey extends Record<string, unknown> {
  currency: string;
  instructor_id: string;
}

interface ReadAccount {
  readonly account: AccountKey;
  readonly after: bigint;
  readonly movements: readonly AccountMovement[];
}

async function settleChunk(surroundings: PayoutSurroundings, run: RunRow): Promise<void> {
  const { sql } = surroundings;
  const accounts = await sql.query<AccountKey & { until_sequence: bigint | null }>(
    `SELECT todo.currency, todo.instructor_id, account.until_sequence FROM settlement_run_accounts AS todo
     LEFT JOIN settled_accounts AS account USING (currency, instructor_id)
     WHERE run_id = $1 ORDER BY todo.currency, todo.instructor_id LIMIT $2`,
    [run.id, accountsInChunk],
  );
  const read: ReadAccount[] = [];
  for (const account of accounts) {
    const after = account.until_sequence ?? 0n;
    read.push({ account, after, movements: await readMovements(surroundings, account, after, run.cutoff_sequence) });
  }
  await sql.transaction(async (tx) => {
    if ((await lockRun(tx, run)) === undefined) return;
    const rules = await rulesOfVersion(tx, run.withholding_version);
    for (const each of read) await settleAccount(tx, run, rules, each);
    await tx.execute('UPDATE settlement_runs SET accounts_settled = accounts_settled + $2 WHERE id = $1', [
      run.id,
      read.length,
    ]);
    if (accounts.length < accountsInChunk) await finishRun(surroundings, tx, run);
  });
}

/** What moved on an account after one place in the book up to another. Read outside any transaction. */
export async function readMovements(
  { ledger }: PayoutSurroundings,
  { currency, instructor_id }: AccountKey,
  afterSequence: bigint,
  untilSequence: bigint,
): Promise<AccountMovement[]> {
  const movements: AccountMovement[] = [];
  let pageToken = '';
  do {
    const page = await ledger.listMovements({
      account: payable(instructor_id),
      currency,
      afterSequence,
      untilSequence,
      pageSize,
      pageToken,
    });
    if (isRefusal(page)) throw new Error(`the ledger refused the movements of an account: ${page.code}`);
    movements.push(...page.movements.map(accountMovement));
    if (movements.length > movementsMax)
      throw new Error(`one account moved more than ${movementsMax} times since its last settlement`);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return movements;
}

function accountMovement(movement: Movement): AccountMovement {
  const { sequence, journalId, kind, description, effectiveAt, debitMinor, creditMinor, line } = movement;
  return {
    sequence,
    journalId,
    kind,
    description,
    effectiveAtMs: effectiveAt === undefined ? 0 : timestampMs(effectiveAt),
    amountMinor: creditMinor - debitMinor,
    ...(line === undefined ? {} : { line }),
  };
}

/** Settles one account and writes down all that follows. */
async function settleAccount(
  tx: SqlTransaction,
  run: RunRow,
  rules: readonly WithholdingRule[],
  { account: { currency, instructor_id: instructorId }, after, movements }: ReadAccount,
): Promise<void> {
  const input = await inputOf(tx, run, { currency, instructorId, after, movements, rules });
  const settled = settle(input);
  await insertBatch(tx, run, input, settled);
  await insertLines(tx, input, settled);
  await keepReserves(tx, run, input, settled);
  await insertPayout(tx, run, input, settled);
  await addJournals(tx, input, settled);
  await tx.execute(
    `INSERT INTO settled_accounts (instructor_id, currency, until_sequence, closing_minor, held_because, withheld)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (instructor_id, currency) DO UPDATE SET
       until_sequence = excluded.until_sequence, closing_minor = excluded.closing_minor,
       held_because = excluded.held_because, withheld = excluded.withheld`,
    [
      instructorId,
      currency,
      run.cutoff_sequence,
      settled.closingMinor,
      settled.heldBecause,
      withheldJson(settled.withheld),
    ],
  );
  await tx.execute('DELETE FROM settlement_run_accounts WHERE run_id = $1 AND currency = $2 AND instructor_id = $3', [
    run.id,
    currency,
    instructorId,
  ]);
}

interface SettledAccountRow extends Record<string, unknown> {
  until_sequence: bigint;
  closing_minor: bigint;
  withheld: Record<string, { base: string; taxed: string }>;
}

async function inputOf(
  tx: SqlTransaction,
  run: RunRow,
  given: Pick<SettlementInput, 'currency' | 'instructorId' | 'movements' | 'rules'> & { readonly after: bigint },
): Promise<SettlementInput> {
  const { currency, instructorId, after, movements, rules } = given;
  const [account] = await tx.query<SettledAccountRow>(
    'SELECT until_sequence, closing_minor, withheld FROM settled_accounts WHERE instructor_id = $1 AND currency = $2 FOR UPDATE',
    [instructorId, currency],
  );
  const releases = await tx.query<{ batch_id: string; amount_minor: bigint }>(
    `SELECT batch_id, amount_minor FROM reserves
     WHERE instructor_id = $1 AND currency = $2 AND released_by IS NULL AND release_at <= $3 ORDER BY release_at, batch_id`,
    [instructorId, currency, run.cutoff_at],
  );
  return {
    instructorId,
    currency,
    afterSequence: after,
    cutoff: { sequence: run.cutoff_sequence, label: run.cutoff_label, atMs: run.cutoff_at.getTime() },
    openingMinor: account?.closing_minor ?? 0n,
    movements,
    releases: releases.map((row) => ({ batchId: row.batch_id, amountMinor: row.amount_minor })),
    profile: await profileOf(tx, instructorId),
    rules,
    withheldBefore: withheldOf(account?.withheld ?? {}),
    account: await accountState(tx, run, instructorId, currency),
    policy: run.policy,
  };
}

/** Without a profile: resident, without a PAN and a GSTIN, which is taxed highest. */
async function profileOf(tx: SqlExecutor, instructorId: string): Promise<TaxProfileFacts> {
  const [row] = await tx.query<{
    masked_pan: string;
    entity: TaxProfileFacts['entity'];
    resident: boolean;
    gstin: string;
  }>('SELECT masked_pan, entity, resident, gstin FROM tax_profiles WHERE instructor_id = $1', [instructorId]);
  if (row === undefined) return { hasPan: false, entity: 'individual', resident: true, hasGstin: false };
  return { hasPan: row.masked_pan !== '', entity: row.entity, resident: row.resident, hasGstin: row.gstin !== '' };
}

async function accountState(
  tx: SqlExecutor,
  run: RunRow,
  instructorId: string,
  currency: string,
): Promise<SettlementInput['account']> {
  const [row] = await tx.query<{ payable_from: Date }>(
    'SELECT payable_from FROM payout_accounts WHERE instructor_id = $1 AND currency = $2',
    [instructorId, currency],
  );
  if (row === undefined) return 'none';
  return row.payable_from.getTime() > run.cutoff_at.getTime() ? 'cooling' : 'payable';
}

function withheldOf(stored: SettledAccountRow['withheld']): ReadonlyMap<string, WithheldSoFar> {
  return new Map(
    Object.entries(stored).map(([key, { base, taxed }]) => [key, { base: BigInt(base), taxed: BigInt(taxed) }]),
  );
}

function withheldJson(withheld: ReadonlyMap<string, WithheldSoFar>): string {
  const entries = [...withheld].map(([key, { base, taxed }]) => [key, { base: `${base}`, taxed: `${taxed}` }]);
  return JSON.stringify(Object.fromEntries(entries));
}

async function insertBatch(
  tx: SqlTransaction,
  run: RunRow,
  input: SettlementInput,
  settled: Settlement,
): Promise<void> {
  await tx.execute(
    `INSERT INTO settlement_batches (id, run_id, instructor_id, currency, after_sequence, cutoff_sequence, cutoff_at,
       opening_minor, earned_minor, adjusted_minor, returned_minor, reserve_released_minor, reserve_held_minor, tds_minor,
       tcs_minor, payout_minor, closing_minor, held_because, payout_id, statement_sha256,
       withholding_version)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
    [
      settled.batchId,
      run.id,
      input.instructorId,
      input.currency,
      input.afterSequence,
      run.cutoff_sequence,
      run.cutoff_at,
      input.openingMinor,
      settled.earnedMinor,
      settled.adjustedMinor,
      settled.returnedMinor,
      settled.reserveReleasedMinor,
      settled.reserveHeldMinor,
      settled.tdsMinor,
      settled.tcsMinor,
      settled.payoutMinor,
      settled.closingMinor,
      settled.heldBecause,
      settled.payoutId,
      settled.statementSha256,
      run.withholding_version,
    ],
  );
}

/** One statement for all lines: a settlement of thousands of sales is one round trip. */
async function insertLines(tx: SqlTransaction, input: SettlementInput, settled: Settlement): Promise<void> {
  const account = payable(input.instructorId);
  await tx.execute(
    `INSERT INTO statement_lines (batch_id, account, currency, number, kind, journal_id, sequence, part, at, description,
       order_id, course_title, gross_minor, tax_minor, fee_minor, share_minor, amount_minor, balance_minor)
     SELECT $1, $2, $3, number, kind, journal_id, sequence, part, at, description, order_id, course_title, gross_minor,
       tax_minor, fee_minor, share_minor, amount_minor, balance_minor
     FROM jsonb_to_recordset($4::jsonb) AS line (number integer, kind text, journal_id text, sequence bigint, part integer,
       at timestamptz, description text, order_id text, course_title text, gross_minor bigint, tax_minor bigint,
       fee_minor bigint, share_minor bigint, amount_minor bigint, balance_minor bigint)`,
    [settled.batchId, account, input.currency, JSON.stringify(settled.lines.map(lineRow))],
  );
}

/** Amounts as text: JSON's numbers would lose digits above 2^53. */
function lineRow(line: StatementLine) {
  return {
    number: line.number,
    kind: line.kind,
    journal_id: line.journalId,
    sequence: `${line.sequence}`,
    part: line.part,
    at: new Date(line.atMs).toISOString(),
    description: line.description,
    order_id: line.orderId,
    course_title: line.courseTitle,
    gross_minor: `${line.grossMinor}`,
    tax_minor: `${line.taxMinor}`,
    fee_minor: `${line.feeMinor}`,
    share_minor: `${line.shareMinor}`,
    amount_minor: `${line.amountMinor}`,
    balance_minor: `${line.balanceMinor}`,
  };
}

const dayMs = 24 * 60 * 60 * 1_000;

async function keepReserves(
  tx: SqlTransaction,
  run: RunRow,
  input: SettlementInput,
  settled: Settlement,
): Promise<void> {
  await tx.execute('UPDATE reserves SET released_by = $1 WHERE batch_id = ANY($2) AND released_by IS NULL', [
    settled.batchId,
    input.releases.map(({ batchId }) => batchId),
  ]);
  if (settled.reserveHeldMinor === 0n) return;
  await tx.execute(
    'INSERT INTO reserves (batch_id, instructor_id, currency, amount_minor, release_at) VALUES ($1, $2, $3, $4, $5)',
    [
      settled.batchId,
      input.instructorId,
      input.currency,
      settled.reserveHeldMinor,
      new Date(run.cutoff_at.getTime() + run.policy.reserveDays * dayMs),
    ],
  );
}

/**
 * The account is copied as it is now, still sealed: a later change does not move a payout that is made. Throws where it was
 * changed since it was looked at: the chunk is done again, and finds that it cools.
 */
async function insertPayout(
  tx: SqlTransaction,
  run: RunRow,
  input: SettlementInput,
  settled: Settlement,
): Promise<void> {
  if (settled.payoutId === '') return;
  const copied = await tx.execute(
    `INSERT INTO payouts (id, settlement_batch_id, run_id, instructor_id, currency, amount_minor, status, method,
       masked_account, sealed_account, created_at)
     SELECT $1, $2, $3, instructor_id, currency, $4, 'created', method, masked_account, sealed_account, $5
     FROM payout_accounts WHERE instructor_id = $6 AND currency = $7 AND payable_from <= $5`,
    [settled.payoutId, settled.batchId, run.id, settled.payoutMinor, run.cutoff_at, input.instructorId, input.currency],
  );
  if (copied !== 1) throw new Error(`the account of the payout ${settled.payoutId} was changed at this moment`);
}

async function addJournals(tx: SqlTransaction, input: SettlementInput, settled: Settlement): Promise<void> {
  const { instructorId, currency } = input;
  const reference = settled.payoutId === '' ? `settlement:${settled.batchId}` : `payout:${settled.payoutId}`;
  const common = { id: settled.batchId, payoutId: settled.payoutId, reference, currency };
  if (settled.reserveReleasedMinor > 0n)
    await addJournal(tx, {
      ...common,
      kind: 'reserve_released',
      description: 'Reserve of earlier settlements released',
      transfers: reserveReleased(instructorId, settled.reserveReleasedMinor),
    });
  await addJournal(tx, {
    ...common,
    kind: 'payout_prepared',
    description: `Settlement up to journal ${input.cutoff.sequence}`,
    transfers: payoutPrepared(instructorId, settled),
  });
}

async function finishRun(surroundings: PayoutSurroundings, tx: SqlTransaction, run: RunRow): Promise<void> {
  await createPayoutBatches(surroundings, tx, run);
  if (run.only_instructor_id !== '') await approveByPolicy(surroundings, tx, run);
  await tx.execute("UPDATE settlement_runs SET status = 'done', output_sha256 = $2 WHERE id = $1", [
    run.id,
    await outputHash(tx, run.id),
  ]);
}

/** Over every statement and every file of the run, in a fixed order. */
async function outputHash(tx: SqlExecutor, runId: string): Promise<string> {
  const statements = await tx.query<{ id: string; statement_sha256: string }>(
    'SELECT id, statement_sha256 FROM settlement_batches WHERE run_id = $1 ORDER BY id',
    [runId],
  );
  const files = await tx.query<{ id: string; format: string; sha256: string }>(
    `SELECT batch.id, file.format, file.sha256 FROM payout_batches AS batch JOIN payout_files AS file ON file.payout_batch_id = batch.id
     WHERE batch.run_id = $1 ORDER BY batch.id, file.format`,
    [runId],
  );
  return sha256Hex(
    JSON.stringify([
      statements.map((row) => [row.id, row.statement_sha256]),
      files.map((row) => [row.id, row.format, row.sha256]),
    ]),
  );
}
