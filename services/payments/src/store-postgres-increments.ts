/** The part of the payments' database on PostgreSQL that is about raises of authorizations. */
import type { SqlRow } from '@suuupra/platform/sql/sql';
import type { Increment } from './increment.ts';
import type { PaymentsStore } from './store.ts';
import { note, timeOf } from './store-postgres-money.ts';

interface IncrementRow extends SqlRow {
  id: string;
  order_id: string;
  attempt_id: string;
  currency: string;
  from_minor: bigint;
  to_minor: bigint;
  status: Increment['status'];
  failure_code: string;
  created_at: Date;
  settled_at: Date | null;
}

const incrementColumns = `increments.id, increments.order_id, increments.attempt_id, increments.currency,
  increments.from_minor, increments.to_minor, increments.status, increments.failure_code, increments.created_at,
  increments.settled_at`;

function incrementFrom(row: IncrementRow): Increment {
  return {
    id: row.id,
    orderId: row.order_id,
    attemptId: row.attempt_id,
    currency: row.currency,
    fromMinor: row.from_minor,
    toMinor: row.to_minor,
    status: row.status,
    failureCode: row.failure_code,
    createdAtMs: row.created_at.getTime(),
    settledAtMs: row.settled_at?.getTime(),
  };
}

export const increments: Pick<
  PaymentsStore,
  'insertIncrement' | 'findIncrement' | 'saveIncrement' | 'incrementsOf' | 'takeDueIncrements' | 'setIncrementDue'
> = {
  insertIncrement: async (tx, increment, dueAtMs) => {
    await tx.execute(
      `INSERT INTO increments (id, order_id, attempt_id, currency, from_minor, to_minor, status, created_at, due_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        increment.id,
        increment.orderId,
        increment.attemptId,
        increment.currency,
        increment.fromMinor,
        increment.toMinor,
        increment.status,
        new Date(increment.createdAtMs),
        new Date(dueAtMs),
      ],
    );
    await note(tx, increment.id, increment.status, 'request', increment.createdAtMs);
  },
  findIncrement: async (executor, incrementId) => {
    const [row] = await executor.query<IncrementRow>(`SELECT ${incrementColumns} FROM increments WHERE id = $1`, [
      incrementId,
    ]);
    return row === undefined ? undefined : incrementFrom(row);
  },
  saveIncrement: async (tx, increment, because) => {
    await tx.execute(
      'UPDATE increments SET status = $2, failure_code = $3, settled_at = $4, due_at = NULL WHERE id = $1',
      [increment.id, increment.status, increment.failureCode, timeOf(increment.settledAtMs)],
    );
    await note(tx, increment.id, increment.status, because, increment.settledAtMs ?? increment.createdAtMs);
  },
  incrementsOf: async (executor, attemptId) => {
    const rows = await executor.query<IncrementRow>(
      `SELECT ${incrementColumns} FROM increments WHERE attempt_id = $1 ORDER BY created_at, id`,
      [attemptId],
    );
    return rows.map(incrementFrom);
  },
  takeDueIncrements: async (executor, nowMs, untilMs, limit) => {
    const rows = await executor.query<IncrementRow & { tries: number }>(
      `UPDATE increments SET due_at = $2, tries = tries + 1
       WHERE id IN (SELECT id FROM increments WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING ${incrementColumns}, increments.tries`,
      [new Date(nowMs), new Date(untilMs), limit],
    );
    return rows.map((row) => ({ subject: incrementFrom(row), tries: row.tries }));
  },
  setIncrementDue: async (executor, incrementId, dueAtMs) => {
    await executor.execute("UPDATE increments SET due_at = $2 WHERE id = $1 AND status = 'pending'", [
      incrementId,
      new Date(dueAtMs),
    ]);
  },
};
