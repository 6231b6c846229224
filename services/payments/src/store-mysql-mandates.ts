/** The mandates' table on MariaDB or MySQL. */
import type { SqlExecutor, SqlRow } from '@suuupra/platform/sql/sql';
import type { Mandate, MandateStatus } from './mandate.ts';
import type { MandateStore } from './mandate-store.ts';
import type { FailureCode, PayerAction, PaymentMethodKind } from './provider.ts';
import { note, timeOf } from './store-mysql-money.ts';
import { parsed, takeDue } from './store-mysql-rows.ts';

interface MandateRow extends SqlRow {
  id: string;
  buyer_id: string;
  provider: string;
  reference: string;
  method: PaymentMethodKind;
  umn: string;
  currency: string;
  amount_max_minor: bigint;
  status: MandateStatus;
  action: string | null;
  failure_code: FailureCode | '';
  created_at: Date;
  moved_at: Date;
  valid_until: Date | null;
  pending: string | null;
}

type KeptChange = { kind: 'modify' | 'pause' | 'resume' | 'revoke'; amountMaxMinor?: string };

const columns = `id, buyer_id, provider, reference, method, umn, currency, amount_max_minor, status, action, failure_code,
  created_at, moved_at, valid_until, pending`;

function mandateFrom(row: MandateRow): Mandate {
  return {
    id: row.id,
    buyerId: row.buyer_id,
    provider: row.provider,
    reference: row.reference,
    method: row.method,
    umn: row.umn,
    currency: row.currency,
    amountMaxMinor: row.amount_max_minor,
    status: row.status,
    action: parsed<PayerAction>(row.action),
    failureCode: row.failure_code,
    createdAtMs: row.created_at.getTime(),
    movedAtMs: row.moved_at.getTime(),
    validUntilMs: row.valid_until?.getTime(),
    pending: changeFrom(parsed<KeptChange>(row.pending)),
  };
}

function changeFrom(pending: KeptChange | undefined): Mandate['pending'] {
  if (pending === undefined) return undefined;
  return pending.kind === 'modify'
    ? { kind: 'modify', amountMaxMinor: BigInt(pending.amountMaxMinor ?? '0') }
    : { kind: pending.kind };
}

function changeJson(change: Mandate['pending']): string | null {
  if (change === undefined) return null;
  return JSON.stringify(change, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
}

async function mandateBy(
  executor: SqlExecutor,
  where: string,
  values: string[],
  lock = '',
): Promise<Mandate | undefined> {
  const [row] = await executor.query<MandateRow>(`SELECT ${columns} FROM mandates WHERE ${where} ${lock}`, values);
  return row === undefined ? undefined : mandateFrom(row);
}

export const mysqlMandateStore: MandateStore = {
  insert: async (tx, mandate, dueAtMs) => {
    await tx.execute(
      `INSERT INTO mandates (id, buyer_id, provider, method, currency, amount_max_minor, status, created_at, moved_at, due_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        mandate.id,
        mandate.buyerId,
        mandate.provider,
        mandate.method,
        mandate.currency,
        mandate.amountMaxMinor,
        mandate.status,
        new Date(mandate.createdAtMs),
        new Date(mandate.movedAtMs),
        timeOf(dueAtMs),
      ],
    );
    await note(tx, mandate.id, mandate.status, 'request', mandate.createdAtMs);
  },
  lock: (tx, id) => mandateBy(tx, 'id = ?', [id], 'FOR UPDATE'),
  find: (executor, id) => mandateBy(executor, 'id = ?', [id]),
  findByReference: (executor, provider, reference) =>
    mandateBy(executor, "provider = ? AND reference = ? AND reference <> ''", [provider, reference]),
  save: async (tx, mandate, dueAtMs, because) => {
    await tx.execute(
      `UPDATE mandates SET reference = ?, umn = ?, amount_max_minor = ?, status = ?, action = ?,
         failure_code = ?, moved_at = ?, valid_until = ?, pending = ?, due_at = ?, tries = 0
       WHERE id = ?`,
      [
        mandate.reference,
        mandate.umn,
        mandate.amountMaxMinor,
        mandate.status,
        mandate.action === undefined ? null : JSON.stringify(mandate.action),
        mandate.failureCode,
        new Date(mandate.movedAtMs),
        timeOf(mandate.validUntilMs),
        changeJson(mandate.pending),
        timeOf(dueAtMs),
        mandate.id,
      ],
    );
    await note(tx, mandate.id, mandate.status, because, mandate.movedAtMs);
  },
  list: async (executor, buyerId, after, limit) => {
    const rows = await executor.query<MandateRow>(
      `SELECT ${columns} FROM mandates
       WHERE buyer_id = ? AND (? IS NULL OR (created_at, id) < (?, ?))
       ORDER BY created_at DESC, id DESC LIMIT ?`,
      [buyerId, timeOf(after?.atMs), timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map(mandateFrom);
  },
  countLive: async (executor, buyerId) => {
    const [row] = await executor.query<{ n: bigint }>(
      "SELECT count(*) AS n FROM mandates WHERE buyer_id = ? AND status IN ('pending', 'active', 'paused')",
      [buyerId],
    );
    return Number(row?.n ?? 0n);
  },
  takeDue: async (executor, nowMs, untilMs, limit) => {
    const rows = await takeDue<MandateRow & { tries: number } & SqlRow>(
      executor,
      { table: 'mandates', columns: `${columns}, tries` },
      nowMs,
      untilMs,
      limit,
    );
    return rows.map((row) => ({ subject: mandateFrom(row), tries: row.tries }));
  },
  setDue: async (executor, mandateId, dueAtMs) => {
    await executor.execute('UPDATE mandates SET due_at = ? WHERE id = ?', [timeOf(dueAtMs), mandateId]);
  },
};
