/** The part of the payments' database on MariaDB or MySQL that is about raises of authorizations. */
import type { SqlRow } from '@suuupra/platform/sql/sql';
import type { Increment } from './increment.ts';
import type { PaymentsStore } from './store.ts';
import { note, timeOf } from './store-mysql-money.ts';
import { takeDue } from './store-mysql-rows.ts';

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
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    const [row] = await executor.query<IncrementRow>(`SELECT ${incrementColumns} FROM increments WHERE id = ?`, [
      incrementId,
    ]);
    return row === undefined ? undefined : incrementFrom(row);
  },
  saveIncrement: async (tx, increment, because) => {
    await tx.execute('UPDATE increments SET status = ?, failure_code = ?, settled_at = ?, due_at = NULL WHERE id = ?', [
      increment.status,
      increment.failureCode,
      timeOf(increment.settledAtMs),
      increment.id,
    ]);
    await note(tx, increment.id, increment.status, because, increment.settledAtMs ?? increment.createdAtMs);
  },
  incrementsOf: async (executor, attemptId) => {
    const rows = await executor.query<IncrementRow>(
      `SELECT ${incrementColumns} FROM increments WHERE attempt_id = ? ORDER BY created_at, id`,
      [attemptId],
    );
    return rows.map(incrementFrom);
  },
  takeDueIncrements: async (executor, nowMs, untilMs, limit) => {
    const rows = await takeDue<IncrementRow & { tries: number } & SqlRow>(
      executor,
      { table: 'increments', columns: `${incrementColumns}, increments.tries` },
      nowMs,
      untilMs,
      limit,
    );
    return rows.map((row) => ({ subject: incrementFrom(row), tries: row.tries }));
  },
  setIncrementDue: async (executor, incrementId, dueAtMs) => {
    await executor.execute("UPDATE increments SET due_at = ? WHERE id = ? AND status = 'pending'", [
      new Date(dueAtMs),
      incrementId,
    ]);
  },
};
