/** The mandates' table on PostgreSQL. */
import type { SqlExecutor, SqlRow } from '@suuupra/platform/sql/sql';
import type { Mandate, MandateStatus } from './mandate.ts';
import type { MandateStore } from './mandate-store.ts';
import type { FailureCode, PayerAction, PaymentMethodKind } from './provider.ts';
import { note, timeOf } from './store-postgres-money.ts';

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
  action: PayerAction | null;
  failure_code: FailureCode | '';
  created_at: Date;
  moved_at: Date;
  valid_until: Date | null;
  pending: { kind: 'modify' | 'pause' | 'resume' | 'revoke'; amountMaxMinor?: string } | null;
}

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
    action: row.action ?? undefined,
    failureCode: row.failure_code,
    createdAtMs: row.created_at.getTime(),
    movedAtMs: row.moved_at.getTime(),
    validUntilMs: row.valid_until?.getTime(),
    pending: changeFrom(row.pending),
  };
}

function changeFrom(pending: MandateRow['pending']): Mandate['pending'] {
  if (pending === null) return undefined;
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

export const postgresMandateStore: MandateStore = {
  insert: async (tx, mandate, dueAtMs) => {
    await tx.execute(
      `INSERT INTO mandates (id, buyer_id, provider, method, currency, amount_max_minor, status, created_at, moved_at, due_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
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
  lock: (tx, id) => mandateBy(tx, 'id = $1', [id], 'FOR UPDATE'),
  find: (executor, id) => mandateBy(executor, 'id = $1', [id]),
  findByReference: (executor, provider, reference) =>
    mandateBy(executor, "provider = $1 AND reference = $2 AND reference <> ''", [provider, reference]),
  save: async (tx, mandate, dueAtMs, because) => {
    await tx.execute(
      `UPDATE mandates SET reference = $2, umn = $3, amount_max_minor = $4, status = $5, action = $6::jsonb,
         failure_code = $7, moved_at = $8, valid_until = $9, pending = $10::jsonb, due_at = $11, tries = 0
       WHERE id = $1`,
      [
        mandate.id,
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
      ],
    );
    await note(tx, mandate.id, mandate.status, because, mandate.movedAtMs);
  },
  list: async (executor, buyerId, after, limit) => {
    const rows = await executor.query<MandateRow>(
      `SELECT ${columns} FROM mandates
       WHERE buyer_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2::timestamptz, $3::text))
       ORDER BY created_at DESC, id DESC LIMIT $4`,
      [buyerId, timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map(mandateFrom);
  },
  countLive: async (executor, buyerId) => {
    const [row] = await executor.query<{ n: bigint }>(
      "SELECT count(*) AS n FROM mandates WHERE buyer_id = $1 AND status IN ('pending', 'active', 'paused')",
      [buyerId],
    );
    return Number(row?.n ?? 0n);
  },
  takeDue: async (executor, nowMs, untilMs, limit) => {
    const rows = await executor.query<MandateRow & { tries: number }>(
      `UPDATE mandates SET due_at = $2, tries = tries + 1
       WHERE id IN (SELECT id FROM mandates WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING ${columns}, tries`,
      [new Date(nowMs), new Date(untilMs), limit],
    );
    return rows.map((row) => ({ subject: mandateFrom(row), tries: row.tries }));
  },
  setDue: async (executor, mandateId, dueAtMs) => {
    await executor.execute('UPDATE mandates SET due_at = $2 WHERE id = $1', [mandateId, timeOf(dueAtMs)]);
  },
};
