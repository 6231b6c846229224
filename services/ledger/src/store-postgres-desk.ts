/** Sealed periods and adjustments in PostgreSQL. */
import type { Sql, SqlExecutor, SqlRow, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Adjustment, AdjustmentExchange, AdjustmentStatus, AdjustmentTransfer, Decision } from './adjustment.ts';
import type { LedgerDesk } from './desk.ts';
import type { SealedPeriod } from './reader.ts';
import { readerOn, type WriterRow } from './reader-postgres.ts';
import type { Revaluation } from './revaluation.ts';
import { BookClosed } from './store.ts';

export function postgresDesk(sql: Sql): LedgerDesk {
  return {
    lockBook: async (tx) => {
      const [row] = await tx.query<WriterRow>('SELECT * FROM ledger_writer WHERE shard = 0 FOR UPDATE');
      if (row === undefined) throw new Error('the ledger has no writer row');
      if (row.epoch < 0n) throw new BookClosed();
      const { batch_sequence, journal_sequence, recorded_at_us, hash } = row;
      return { batchSequence: batch_sequence, journalSequence: journal_sequence, recordedAtUs: recorded_at_us, hash };
    },
    lastPeriod: async (tx) => (await readerOn(tx).periods(bigintMax, 1))[0],
    seal,
    periodTotals: (tx, number) => readerOn(tx).periodTotals(number),
    propose,
    take: async (tx, id) => {
      const rows = await tx.query<AdjustmentRow>('SELECT * FROM adjustments WHERE id = $1 FOR UPDATE', [id]);
      return lockPoint(tx, (await withParts(tx, rows))[0]);
    },
    decide,
    adjustment: async (id) => {
      const rows = await sql.query<AdjustmentRow>('SELECT * FROM adjustments WHERE id = $1', [id]);
      return (await withParts(sql, rows))[0];
    },
    adjustments: async (status, before, limit) => {
      const rows = await sql.query<AdjustmentRow>(
        `SELECT * FROM adjustments WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR id < $2)
         ORDER BY id DESC LIMIT $3`,
        [status ?? null, before ?? null, limit],
      );
      return withParts(sql, rows);
    },
  };
}

const bigintMax = 9_223_372_036_854_775_807n;

async function seal(tx: SqlTransaction, period: SealedPeriod): Promise<void> {
  const totals = await readerOn(tx).totalsBefore(period.untilUs, period.sequence);
  await tx.execute(
    `INSERT INTO periods (number, from_us, until_us, sealed_at_us, sealed_by, note, journal_sequence, batch_sequence, hash)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      period.number,
      period.fromUs,
      period.untilUs,
      period.sealedAtUs,
      period.sealedBy,
      period.note,
      period.sequence,
      period.batchSequence,
      period.hash,
    ],
  );
  await tx.execute('UPDATE ledger_writer SET sealed_until_us = $1 WHERE shard = 0', [period.untilUs]);
  await tx.execute(
    `INSERT INTO period_balances (period_number, account_id, debit_minor, credit_minor)
     SELECT $1, id, debit, credit FROM accounts
     JOIN unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS added (code, currency, debit, credit)
       USING (code, currency)`,
    [
      period.number,
      totals.map((account) => account.code),
      totals.map((account) => account.currency),
      totals.map((account) => account.debit),
      totals.map((account) => account.credit),
    ],
  );
}

async function propose(tx: SqlTransaction, adjustment: Adjustment): Promise<void> {
  const { id, currency, reference, reason, effectiveAtUs, reversesJournalId, proposedBy, proposedAtUs } = adjustment;
  await tx.execute(
    `INSERT INTO adjustments (id, status, currency, reference, reason, effective_at_us, reverses_journal_id,
       proposed_by, proposed_at_us) VALUES ($1, 'proposed', $2, $3, $4, $5, $6, $7, $8)`,
    [id, currency, reference, reason, effectiveAtUs ?? null, reversesJournalId, proposedBy, proposedAtUs],
  );
  const { transfers } = adjustment;
  await tx.execute(
    `INSERT INTO adjustment_transfers (adjustment_id, position, debit, credit, amount_minor)
     SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::bigint[])`,
    [
      id,
      transfers.map((_, index) => index + 1),
      transfers.map((transfer) => transfer.debit),
      transfers.map((transfer) => transfer.credit),
      transfers.map((transfer) => transfer.amount),
    ],
  );
  if (adjustment.exchange !== undefined) await keepExchange(tx, id, adjustment.exchange);
  if (adjustment.revaluation === undefined || effectiveAtUs === undefined) return;
  await keepRevaluation(tx, id, adjustment.revaluation);
  await tx.execute(
    'INSERT INTO revaluation_points (effective_at_us, currency) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [effectiveAtUs, currency],
  );
}

async function keepRevaluation(tx: SqlTransaction, id: string, revaluation: Revaluation): Promise<void> {
  await tx.execute(
    'INSERT INTO adjustment_revaluations (adjustment_id, own_minor, difference_minor) VALUES ($1, $2, $3)',
    [id, revaluation.ownMinor, revaluation.differenceMinor],
  );
  for (const { currency, minor, rate, source, valueMinor } of revaluation.balances)
    await tx.execute(
      `INSERT INTO adjustment_closing_rates (adjustment_id, currency, balance_minor, rate, source, value_minor)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [id, currency, minor, rate, source, valueMinor],
    );
}

/** Valuations of one end of a period are decided one after the other: each says what is more or less than was booked. */
async function lockPoint(tx: SqlTransaction, adjustment: Adjustment | undefined): Promise<Adjustment | undefined> {
  if (adjustment?.revaluation !== undefined)
    await tx.query('SELECT currency FROM revaluation_points WHERE effective_at_us = $1 AND currency = $2 FOR UPDATE', [
      adjustment.effectiveAtUs ?? 0n,
      adjustment.currency,
    ]);
  return adjustment;
}

async function keepExchange(tx: SqlTransaction, id: string, exchange: AdjustmentExchange): Promise<void> {
  const { from, to, rate, source } = exchange;
  await tx.execute(
    `INSERT INTO adjustment_exchanges (adjustment_id, from_account, from_minor, to_account, to_currency, to_minor, rate,
       source) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, from.account, from.amount, to.account, to.currency, to.amount, rate, source],
  );
}

async function decide(tx: SqlTransaction, id: string, { by, atUs, note, booked }: Decision): Promise<void> {
  const touched = await tx.execute(
    `UPDATE adjustments SET status = $2, decided_by = $3, decided_at_us = $4, decision_note = $5, journal_id = $6,
       journal_sequence = $7 WHERE id = $1 AND status = 'proposed'`,
    [
      ...[id, booked === undefined ? 'rejected' : 'booked', by, atUs, note],
      booked?.journalId ?? '',
      booked?.sequence ?? null,
    ],
  );
  if (touched !== 1) throw new Error(`the adjustment ${id} is not open`);
}

interface AdjustmentRow extends SqlRow {
  id: string;
  status: AdjustmentStatus;
  currency: string;
  reference: string;
  reason: string;
  effective_at_us: bigint | null;
  reverses_journal_id: string;
  proposed_by: string;
  proposed_at_us: bigint;
  decided_by: string;
  decided_at_us: bigint | null;
  decision_note: string;
  journal_id: string;
  journal_sequence: bigint | null;
}

async function withParts(executor: SqlExecutor, rows: readonly AdjustmentRow[]): Promise<Adjustment[]> {
  const transfers = await executor.query<AdjustmentTransfer & { adjustment_id: string } & SqlRow>(
    `SELECT adjustment_id, debit, credit, amount_minor AS amount FROM adjustment_transfers
     WHERE adjustment_id = ANY($1) ORDER BY adjustment_id, position`,
    [rows.map((row) => row.id)],
  );
  const exchanges = await executor.query<ExchangeRow>(
    'SELECT * FROM adjustment_exchanges WHERE adjustment_id = ANY($1)',
    [rows.map((row) => row.id)],
  );
  const exchangeOf = new Map(exchanges.map((row) => [row.adjustment_id, adjustmentExchange(row)]));
  const revaluations = await revaluationsOf(
    executor,
    rows.map((row) => row.id),
  );
  const of = Map.groupBy(transfers, (transfer) => transfer.adjustment_id);
  return rows.map((row) => ({
    id: row.id,
    status: row.status,
    currency: row.currency,
    reference: row.reference,
    reason: row.reason,
    effectiveAtUs: row.effective_at_us ?? undefined,
    transfers: (of.get(row.id) ?? []).map(({ debit, credit, amount }) => ({ debit, credit, amount })),
    reversesJournalId: row.reverses_journal_id,
    exchange: exchangeOf.get(row.id),
    revaluation: revaluations.get(row.id),
    proposedBy: row.proposed_by,
    proposedAtUs: row.proposed_at_us,
    decision: decisionOf(row),
  }));
}

interface RevaluationRow extends SqlRow {
  adjustment_id: string;
  own_minor: bigint;
  difference_minor: bigint;
}

interface ClosingRateRow extends SqlRow {
  adjustment_id: string;
  currency: string;
  balance_minor: bigint;
  rate: string;
  source: string;
  value_minor: bigint;
}

async function revaluationsOf(
  executor: SqlExecutor,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Revaluation>> {
  const rows = await executor.query<RevaluationRow>(
    'SELECT * FROM adjustment_revaluations WHERE adjustment_id = ANY($1)',
    [ids],
  );
  if (rows.length === 0) return new Map();
  const rates = await executor.query<ClosingRateRow>(
    'SELECT * FROM adjustment_closing_rates WHERE adjustment_id = ANY($1) ORDER BY adjustment_id, currency',
    [ids],
  );
  const of = Map.groupBy(rates, (rate) => rate.adjustment_id);
  return new Map(
    rows.map((row) => [
      row.adjustment_id,
      {
        balances: (of.get(row.adjustment_id) ?? []).map(
          ({ currency, balance_minor: minor, rate, source, value_minor }) => ({
            ...{ currency, minor, rate, source },
            valueMinor: value_minor,
          }),
        ),
        ownMinor: row.own_minor,
        differenceMinor: row.difference_minor,
      },
    ]),
  );
}

interface ExchangeRow extends SqlRow {
  adjustment_id: string;
  from_account: string;
  from_minor: bigint;
  to_account: string;
  to_currency: string;
  to_minor: bigint;
  rate: string;
  source: string;
}

function adjustmentExchange(row: ExchangeRow): AdjustmentExchange {
  return {
    from: { account: row.from_account, amount: row.from_minor },
    to: { account: row.to_account, currency: row.to_currency, amount: row.to_minor },
    rate: row.rate,
    source: row.source,
  };
}

function decisionOf(row: AdjustmentRow): Decision | undefined {
  if (row.decided_at_us === null) return undefined;
  const booked =
    row.journal_sequence === null ? undefined : { journalId: row.journal_id, sequence: row.journal_sequence };
  return { by: row.decided_by, atUs: row.decided_at_us, note: row.decision_note, booked };
}
