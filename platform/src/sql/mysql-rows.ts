/** Many rows to MySQL or MariaDB at once: multi-row VALUES, each statement well below what the server takes in one packet. */
import type { SqlExecutor, SqlValue } from './sql.ts';

/** A quarter of MariaDB's default max_allowed_packet of 16 MiB: escaping at most doubles a text and its bytes. */
const statementBytesMax = 4_194_304;
const statementRowsMax = 1_000;

/** Inserts the rows, in order, with as few statements as fit. `text` ends in `VALUES ?`, or has it where the rows go. */
export async function insertRows(
  executor: SqlExecutor,
  text: string,
  rows: readonly (readonly SqlValue[])[],
): Promise<number> {
  let touched = 0;
  for (const part of parts(rows)) touched += await executor.execute(text, [part]);
  return touched;
}

/** The rows in runs that fit into one statement each. */
export function* parts<Row extends readonly SqlValue[]>(rows: readonly Row[]): Generator<Row[]> {
  let part: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = row.reduce<number>((sum, value) => sum + sizeOf(value), 0);
    if (part.length === statementRowsMax || (part.length > 0 && bytes + size > statementBytesMax)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(row);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

/** An upper bound of what the value takes before escaping, in bytes. */
function sizeOf(value: SqlValue): number {
  if (typeof value === 'string') return value.length * 3;
  return value instanceof Uint8Array ? value.byteLength : 24;
}
