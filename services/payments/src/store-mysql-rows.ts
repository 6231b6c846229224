/** What the MySQL stores of payments share: to take what is due, to insert once, to read JSON that is kept as text. */
import { randomBytes } from 'node:crypto';
import { retrying, type SqlExecutor, SqlFault, type SqlRow, type SqlValue } from '@suuupra/platform/sql/sql';

/** A table of work with a due time. */
export interface Work {
  readonly table: string;
  readonly columns: string;
  readonly due?: string;
  readonly tries?: string;
  /** Which rows, and the values of that. */
  readonly where?: string;
  readonly values?: readonly SqlValue[];
}

/**
 * Takes rows that are due, the longest due first, and puts them off to `untilMs`, so that nobody else takes them meanwhile.
 * Each is taken by its id in a statement of its own: one that takes several waits for locks while it holds others, and
 * meets in a deadlock those who came by the id. What was taken is found again by the taker's mark.
 */
export async function takeDue<Row extends SqlRow>(
  executor: SqlExecutor,
  { table, columns, due = 'due_at', tries = 'tries', where = 'TRUE', values = [] }: Work,
  nowMs: number,
  untilMs: number,
  limit: number,
): Promise<Row[]> {
  const now = new Date(nowMs);
  const found = await executor.query<{ id: string | bigint }>(
    `SELECT id FROM ${table} WHERE ${where} AND ${due} <= ? ORDER BY ${due} LIMIT ?`,
    [...values, now, limit],
  );
  const mark = randomBytes(12).toString('hex');
  let taken = 0;
  for (const { id } of found)
    taken += await retrying(() =>
      executor.execute(
        `UPDATE ${table} SET ${due} = ?, ${tries} = ${tries} + 1, taken_by = ? WHERE id = ? AND ${due} <= ?`,
        [new Date(untilMs), mark, id, now],
      ),
    );
  if (taken === 0) return [];
  return executor.query<Row>(`SELECT ${columns} FROM ${table} WHERE taken_by = ? ORDER BY ${due}`, [mark]);
}

/** False when the key says that it is there already; every other violation is thrown. */
export async function insertedOnce(key: string, insert: () => Promise<unknown>): Promise<boolean> {
  try {
    await insert();
    return true;
  } catch (error) {
    if (error instanceof SqlFault && error.kind === 'unique' && error.constraint === key) return false;
    throw error;
  }
}

/** JSON that is kept as text. */
export function parsed<T>(text: string | null): T | undefined {
  return text === null ? undefined : (JSON.parse(text) as T);
}
