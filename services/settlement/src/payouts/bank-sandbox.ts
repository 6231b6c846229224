/**
 * The sandbox bank: it moves no money and says so. It plays another company: it keeps its own books in its own schema, in
 * transactions of its own, knows us by our end-to-end ids only, and goes on after a restart where it was.
 *
 * A payout is executed about two seconds after it was sent. The end of the account number or VPA says what else happens:
 * `…0090` or `reject…@` is rejected, `…0091` or `return…@` is paid and comes back about five seconds later; any other is paid.
 * Statements are made at midnight UTC for each day on which something moved, or when asked.
 */
import { createHash } from 'node:crypto';
import type { Sql, SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { World } from '@suuupra/platform/world';
import type {
  Bank,
  BankInstruction,
  BankOrder,
  BankOutcome,
  BankStatement,
  Destination,
  StatementFormat,
} from './bank.ts';
import { type StatedEntry, type StatementToWrite, statementFileName, writeStatement } from './bank-statement.ts';
import { maskedAccount } from './payout-account.ts';

export const executeAfterMs = 2_000;
export const returnAfterMs = 5_000;

/** Money that the payment provider sends us, as its settlement reports say. */
export interface ProviderCredit {
  /** The provider's reference of its transfer to our account. */
  readonly reference: string;
  readonly currency: string;
  /** Below zero when the provider takes money back. */
  readonly amountMinor: bigint;
}

export interface ProviderCredits {
  /** The report they are of, '' when there is none after. */
  readonly reportId: string;
  readonly credits: readonly ProviderCredit[];
}

export interface SandboxBankOptions {
  readonly sql: Sql;
  readonly world: World;
  /** Reads the next report of the provider after this one. */
  readonly creditsAfter: (reportId: string) => Promise<ProviderCredits>;
  /** Something may be due earlier than the bank's loop knows. */
  readonly nudge: () => void;
}

export interface SandboxBank extends Bank {
  /** Does what is due; gives the time when something is due next. */
  round(): Promise<number | undefined>;
  /** Makes the statements of all accounts up to now; gives how many. */
  makeStatements(): Promise<number>;
}

export function openSandboxBank(options: SandboxBankOptions): SandboxBank {
  const { sql, world } = options;
  return {
    name: 'sandbox',
    simulated: true,
    submit: (order) => takeOrder(options, order),
    outcomesAfter: (position, limit) => outcomesAfter(sql, position, limit),
    statementsAfter: (id, limit) => statementsAfter(sql, id, limit),
    round: () => bankRound(options),
    makeStatements: () => atDesk(sql, (tx) => stateUntil(tx, new Date(world.now() + 1), world.now())),
  };
}

/** One works at the desk at a time: entries, outcomes and statements are numbered in the order of their commits. */
function atDesk<T>(sql: Sql, work: (tx: SqlTransaction, desk: DeskRow) => Promise<T>): Promise<T> {
  return sql.transaction(async (tx) => {
    const [desk] = await tx.query<DeskRow>(
      "SELECT after_report_id, to_char(stated_until, 'YYYY-MM-DD') AS stated_until FROM sandbox_bank.desk FOR UPDATE",
    );
    if (desk === undefined) throw new Error('the sandbox bank has no desk');
    return work(tx, desk);
  });
}

interface DeskRow extends Record<string, unknown> {
  after_report_id: string;
  stated_until: string | null;
}

type Plan = 'pay' | 'reject' | 'return';

/** Known ids are left as they are. */
async function takeOrder(options: SandboxBankOptions, order: BankOrder): Promise<void> {
  const { sql, world } = options;
  await sql.transaction(async (tx) => {
    for (const instruction of order.instructions) await takeInstruction(tx, instruction, world.now() + executeAfterMs);
  });
  options.nudge();
}

async function takeInstruction(tx: SqlTransaction, instruction: BankInstruction, dueAtMs: number): Promise<void> {
  const { endToEndId, currency, amountMinor, destination } = instruction;
  await tx.execute(
    `INSERT INTO sandbox_bank.instructions (end_to_end_id, bank_reference, currency, amount_minor, counterparty, plan, status, next_at)
     VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7) ON CONFLICT DO NOTHING`,
    [
      endToEndId,
      bankReferenceOf(endToEndId),
      currency,
      amountMinor,
      maskedAccount(destination),
      planOf(destination),
      new Date(dueAtMs),
    ],
  );
}

/** The bank's own reference, 16 signs: what fits into MT940's field 61. */
function bankReferenceOf(text: string): string {
  return `SBX${createHash('sha256').update(text).digest('hex').slice(0, 13).toUpperCase()}`;
}

function planOf(destination: Destination): Plan {
  if (destination.method === 'upi')
    return destination.vpa.startsWith('reject') ? 'reject' : destination.vpa.startsWith('return') ? 'return' : 'pay';
  if (destination.accountNumber.endsWith('0090')) return 'reject';
  return destination.accountNumber.endsWith('0091') ? 'return' : 'pay';
}

interface InstructionRow extends Record<string, unknown> {
  end_to_end_id: string;
  bank_reference: string;
  currency: string;
  amount_minor: bigint;
  counterparty: string;
  plan: Plan;
  status: 'pending' | 'paid';
  next_at: Date;
}

const dueMax = 100;
/** Looks for the provider's reports at least this often. */
const reportsEveryMs = 30_000;

async function bankRound(options: SandboxBankOptions): Promise<number | undefined> {
  const { sql, world } = options;
  await atDesk(sql, (tx) => executeDue(tx, world.now()));
  await readCredits(options);
  await atDesk(sql, (tx, desk) => closeDays(tx, desk, world.now()));
  const [row] = await sql.query<{ next_at: Date | null }>(
    'SELECT min(next_at) AS next_at FROM sandbox_bank.instructions WHERE next_at IS NOT NULL',
  );
  const midnightMs = dayStartMs(dayOf(world.now())) + dayMs;
  return Math.min(row?.next_at?.getTime() ?? Number.MAX_SAFE_INTEGER, midnightMs, world.now() + reportsEveryMs);
}

async function executeDue(tx: SqlTransaction, nowMs: number): Promise<void> {
  const rows = await tx.query<InstructionRow>(
    `SELECT end_to_end_id, bank_reference, currency, amount_minor, counterparty, plan, status, next_at
     FROM sandbox_bank.instructions WHERE next_at <= $1 ORDER BY next_at, end_to_end_id LIMIT $2`,
    [new Date(nowMs), dueMax],
  );
  for (const row of rows) {
    if (row.status === 'paid') await giveBack(tx, row, nowMs);
    else if (row.plan === 'reject') await becomes(tx, row, { status: 'rejected', reason: 'account_unknown', nowMs });
    else await execute(tx, row, nowMs);
  }
}

async function execute(tx: SqlTransaction, row: InstructionRow, nowMs: number): Promise<void> {
  await enter(tx, row.currency, {
    kind: 'payout',
    amountMinor: -row.amount_minor,
    bookedAtMs: nowMs,
    bankReference: row.bank_reference,
    endToEndId: row.end_to_end_id,
    counterparty: row.counterparty,
    information: `Suuupra payout ${row.end_to_end_id} simulated`,
  });
  const nextAt = row.plan === 'return' ? new Date(nowMs + returnAfterMs) : null;
  await becomes(tx, row, { status: 'paid', reason: '', nowMs, nextAt });
}

async function giveBack(tx: SqlTransaction, row: InstructionRow, nowMs: number): Promise<void> {
  await enter(tx, row.currency, {
    kind: 'payout_return',
    amountMinor: row.amount_minor,
    bookedAtMs: nowMs,
    bankReference: bankReferenceOf(`return ${row.end_to_end_id}`),
    endToEndId: row.end_to_end_id,
    counterparty: row.counterparty,
    information: `Return of ${row.end_to_end_id} account closed simulated`,
  });
  await becomes(tx, row, { status: 'returned', reason: 'account_closed', nowMs });
}

async function becomes(
  tx: SqlTransaction,
  row: InstructionRow,
  outcome: { status: BankOutcome['status']; reason: string; nowMs: number; nextAt?: Date | null },
): Promise<void> {
  await tx.execute('UPDATE sandbox_bank.instructions SET status = $2, next_at = $3 WHERE end_to_end_id = $1', [
    row.end_to_end_id,
    outcome.status,
    outcome.nextAt ?? null,
  ]);
  await tx.execute('INSERT INTO sandbox_bank.outcomes (end_to_end_id, status, reason, at) VALUES ($1, $2, $3, $4)', [
    row.end_to_end_id,
    outcome.status,
    outcome.reason,
    new Date(outcome.nowMs),
  ]);
}

async function enter(tx: SqlTransaction, currency: string, entry: StatedEntry): Promise<void> {
  await tx.execute(
    `INSERT INTO sandbox_bank.entries (currency, booked_at, kind, amount_minor, bank_reference, end_to_end_id, counterparty, information)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (kind, currency, end_to_end_id) DO NOTHING`,
    [
      currency,
      new Date(entry.bookedAtMs),
      entry.kind,
      entry.amountMinor,
      entry.bankReference,
      entry.endToEndId,
      entry.counterparty,
      entry.information,
    ],
  );
}

const reportsInRound = 20;

/** What the provider pays out arrives as soon as its report is there. The report is read outside the bank's transaction. */
async function readCredits({ sql, world, creditsAfter }: SandboxBankOptions): Promise<void> {
  for (let read = 0; read < reportsInRound; read += 1) {
    const [desk] = await sql.query<DeskRow>('SELECT after_report_id, NULL AS stated_until FROM sandbox_bank.desk');
    const after = desk?.after_report_id ?? '';
    const { reportId, credits } = await creditsAfter(after);
    if (reportId === '') return;
    await atDesk(sql, async (tx, now) => {
      if (now.after_report_id !== after) return;
      for (const credit of credits) {
        if (credit.amountMinor === 0n) continue;
        await enter(tx, credit.currency, {
          kind: 'provider_settlement',
          amountMinor: credit.amountMinor,
          bookedAtMs: world.now(),
          bankReference: bankReferenceOf(`credit ${credit.reference}`),
          endToEndId: credit.reference,
          counterparty: 'Sandbox payment provider',
          information: `Settlement ${credit.reference} simulated`,
        });
      }
      await tx.execute('UPDATE sandbox_bank.desk SET after_report_id = $1', [reportId]);
    });
  }
}

const dayMs = 24 * 60 * 60 * 1_000;

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

function dayStartMs(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** Makes the statements of the days that are over: one for each account and day on which something moved. */
async function closeDays(tx: SqlTransaction, desk: DeskRow, nowMs: number): Promise<void> {
  const today = dayOf(nowMs);
  if (desk.stated_until === today) return;
  const days = await tx.query<{ day: string }>(
    `SELECT DISTINCT to_char(booked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day FROM sandbox_bank.entries
     WHERE statement_id IS NULL AND booked_at < $1 ORDER BY day`,
    [new Date(dayStartMs(today))],
  );
  for (const { day } of days) await stateUntil(tx, new Date(dayStartMs(day) + dayMs), nowMs);
  await tx.execute('UPDATE sandbox_bank.desk SET stated_until = $1', [today]);
}

/** One statement for each account with entries before this time that are in none yet. */
async function stateUntil(tx: SqlTransaction, before: Date, nowMs: number): Promise<number> {
  const accounts = await tx.query<{ currency: string; sum: bigint; last: Date }>(
    `SELECT currency, sum(amount_minor)::bigint AS sum, max(booked_at) AS last FROM sandbox_bank.entries
     WHERE statement_id IS NULL AND booked_at < $1 GROUP BY currency ORDER BY currency`,
    [before],
  );
  for (const { currency, sum, last } of accounts) {
    const [newest] = await tx.query<{ sequence: number; closing_minor: bigint }>(
      'SELECT sequence, closing_minor FROM sandbox_bank.statements WHERE currency = $1 ORDER BY sequence DESC LIMIT 1',
      [currency],
    );
    const openingMinor = newest?.closing_minor ?? 0n;
    const [made] = await tx.query<{ id: bigint }>(
      `INSERT INTO sandbox_bank.statements (currency, sequence, business_date, opening_minor, closing_minor, made_at)
       VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
      [currency, (newest?.sequence ?? 0) + 1, dayOf(last.getTime()), openingMinor, openingMinor + sum, new Date(nowMs)],
    );
    await tx.execute(
      'UPDATE sandbox_bank.entries SET statement_id = $1 WHERE statement_id IS NULL AND currency = $2 AND booked_at < $3',
      [made?.id ?? 0n, currency, before],
    );
  }
  return accounts.length;
}

async function outcomesAfter(sql: SqlExecutor, position: string, limit: number): Promise<BankOutcome[]> {
  const rows = await sql.query<{
    position: bigint;
    end_to_end_id: string;
    status: BankOutcome['status'];
    reason: string;
    bank_reference: string;
    at: Date;
  }>(
    `SELECT position, end_to_end_id, outcome.status, reason, bank_reference, at
     FROM sandbox_bank.outcomes AS outcome JOIN sandbox_bank.instructions USING (end_to_end_id)
     WHERE position > $1 ORDER BY position LIMIT $2`,
    [BigInt(position === '' ? '0' : position), limit],
  );
  return rows.map((row) => ({
    position: row.position.toString(),
    endToEndId: row.end_to_end_id,
    status: row.status,
    reason: row.reason,
    bankReference: row.bank_reference,
    atMs: row.at.getTime(),
  }));
}

interface StatementRow extends Record<string, unknown> {
  id: bigint;
  currency: string;
  sequence: number;
  business_date: string;
  opening_minor: bigint;
  closing_minor: bigint;
  made_at: Date;
}

const formats: readonly StatementFormat[] = ['camt053_08', 'camt053_02', 'mt940'];

async function statementsAfter(sql: SqlExecutor, id: string, limit: number): Promise<BankStatement[]> {
  const rows = await sql.query<StatementRow>(
    `SELECT id, currency, sequence, to_char(business_date, 'YYYY-MM-DD') AS business_date, opening_minor, closing_minor, made_at
     FROM sandbox_bank.statements WHERE id > $1 ORDER BY id LIMIT $2`,
    [BigInt(id === '' ? '0' : id), limit],
  );
  return Promise.all(rows.map((row) => statementOf(sql, row)));
}

async function statementOf(sql: SqlExecutor, row: StatementRow): Promise<BankStatement> {
  const entries = await sql.query<{
    amount_minor: bigint;
    booked_at: Date;
    kind: StatedEntry['kind'];
    bank_reference: string;
    end_to_end_id: string;
    counterparty: string;
    information: string;
  }>(
    `SELECT amount_minor, booked_at, kind, bank_reference, end_to_end_id, counterparty, information
     FROM sandbox_bank.entries WHERE statement_id = $1 ORDER BY id`,
    [row.id],
  );
  const account = `SANDBOX-${row.currency}`;
  const common = {
    account,
    currency: row.currency,
    sequence: row.sequence,
    businessDate: row.business_date,
  };
  const statement: StatementToWrite = {
    ...common,
    id: `${account}-${row.sequence}`,
    madeAtMs: row.made_at.getTime(),
    openingMinor: row.opening_minor,
    closingMinor: row.closing_minor,
    entries: entries.map((entry) => ({
      amountMinor: entry.amount_minor,
      bookedAtMs: entry.booked_at.getTime(),
      kind: entry.kind,
      bankReference: entry.bank_reference,
      endToEndId: entry.end_to_end_id,
      counterparty: entry.counterparty,
      information: entry.information,
    })),
  };
  return {
    ...common,
    id: row.id.toString(),
    files: formats.map((format) => ({
      format,
      name: statementFileName(statement, format),
      content: Buffer.from(writeStatement(statement, format)),
    })),
  };
}
