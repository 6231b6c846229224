/** What a statement does and to which table, for spans: `SELECT orders`. Names alone, never a value. Pure. */

export interface StatementSummary {
  /** SELECT, INSERT, …, in capitals; WITH for what begins with one. */
  readonly operation: string;
  /** The operation and the table that it names first, where there is one. */
  readonly summary: string;
}

const verb = /^\s*([A-Za-z]+)/;
/** A function may stand where a table is read: `FROM unnest(…)`; it is passed over. */
const table =
  /\bINTO\s+[`"]?(?<written>[A-Za-z_][\w.]*)|\b(?:FROM|UPDATE|JOIN)\s+(?:ONLY\s+)?[`"]?(?<read>[A-Za-z_][\w.]*)(?![\w.])[`"]?(?!\s*\()/i;

/** Statements are written in the source, so there are few; a program that composes them gets no slower by it. */
const keptMax = 1_000;
const kept = new Map<string, StatementSummary>();

export function summaryOf(text: string): StatementSummary {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const operation = verb.exec(text)?.[1]?.toUpperCase() ?? 'OTHER';
  const { written, read } = table.exec(text)?.groups ?? {};
  const target = written ?? read;
  const summary = { operation, summary: target === undefined ? operation : `${operation} ${target}` };
  if (kept.size < keptMax) kept.set(text, summary);
  return summary;
}
