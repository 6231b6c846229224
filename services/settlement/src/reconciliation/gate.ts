/**
 * The gate before a file has any effect: opening + every line = closing, one currency, the count that is stated, and
 * statements of a bank account without a missing or a second page. No I/O.
 */
import { decimalText } from '@suuupra/platform/money';
import { fitsBook, shown } from './amount.ts';
import { BadFile } from './bad-file.ts';
import {
  type ClosedStatement,
  type FileItem,
  type OpenedStatement,
  type ReadLine,
  referenceCharsMax,
} from './file-item.ts';

/** A statement of a file after its arithmetic was checked. */
export interface CheckedStatement extends Omit<OpenedStatement, 'type'> {
  readonly closingMinor: bigint;
  readonly closedLine: number;
  readonly lines: number;
  readonly isLastPage: boolean;
  readonly date: string;
}

/** Up to where the statements of an account are known. */
export interface AccountPosition {
  readonly sequence: number;
  readonly page: number;
  readonly isLastPage: boolean;
  readonly closingMinor: bigint;
  readonly date: string;
}

const statementsMax = 10_000;

interface Running {
  readonly opened: OpenedStatement;
  sumMinor: bigint;
  lines: number;
}

/** Adds up a file as it is read; ask for `statements` at its end. */
export class Gate {
  readonly statements: CheckedStatement[] = [];
  lines = 0;
  readonly #running = new Map<string, Running>();

  take(item: FileItem): void {
    switch (item.type) {
      case 'open':
        if (this.#running.size + this.statements.length >= statementsMax)
          throw new BadFile('limit', item.line, `A file has at most ${statementsMax} statements.`);
        checkNames(item.line, [item.account, item.reference, item.onceKey ?? '']);
        this.#running.set(item.key, { opened: item, sumMinor: item.openingMinor, lines: 0 });
        return;
      case 'line':
        this.#add(item);
        return;
      case 'close':
        this.#close(item);
    }
  }

  end(): void {
    const [open] = this.#running.values();
    if (open !== undefined) throw new BadFile('truncated', open.opened.line, 'A statement is not closed.');
  }

  #of(item: ReadLine | ClosedStatement): Running {
    const running = this.#running.get(item.key);
    if (running === undefined) throw new BadFile('malformed', item.line, 'The line belongs to no open statement.');
    const { currency } = item.type === 'line' ? (item.settled ?? item) : item;
    if (running.opened.currency !== currency) {
      const detail = `The statement is in ${running.opened.currency}, this is in ${currency}.`;
      throw new BadFile('currency', item.line, detail);
    }
    return running;
  }

  #add(line: ReadLine): void {
    const running = this.#of(line);
    checkNames(line.line, [line.ownReference]);
    running.sumMinor += (line.settled ?? line).amountMinor - line.feeMinor;
    if (!fitsBook(line.feeMinor) || !fitsBook(running.sumMinor))
      throw new BadFile('amount', line.line, 'What it adds up to is larger than the book can hold.');
    running.lines += 1;
    this.lines += 1;
  }

  #close(close: ClosedStatement): void {
    const { opened, sumMinor, lines } = this.#of(close);
    if (close.lines !== undefined && close.lines !== lines)
      throw new BadFile('count', close.line, `The statement says it has ${close.lines} lines; it has ${lines}.`);
    if (close.closingMinor !== undefined && close.closingMinor !== sumMinor) {
      const [said, summed] = [close.closingMinor, sumMinor].map((minor) => decimalText(close.currency, minor));
      const detail = `Opening and lines add up to ${summed} ${close.currency}; the statement closes with ${said}.`;
      throw new BadFile('arithmetic', close.line, detail);
    }
    this.#running.delete(close.key);
    const { type: _, ...rest } = opened;
    const { isLastPage, date } = close;
    this.statements.push({ ...rest, closingMinor: sumMinor, closedLine: close.line, lines, isLastPage, date });
  }
}

/** They are looked up by indexes, which take no longer ones: a file that cannot be stored must be refused here. */
function checkNames(line: number, names: readonly string[]): void {
  if (names.some((name) => name.length > referenceCharsMax))
    throw new BadFile(
      'limit',
      line,
      `An account, settlement or reference has at most ${referenceCharsMax} characters.`,
    );
}

/** The key of the positions: one account in one currency. */
export function accountKey(statement: Pick<CheckedStatement, 'account' | 'currency'>): string {
  return JSON.stringify([statement.account, statement.currency]);
}

/**
 * Where the accounts stand after the bank statements of a file. Throws BadFile when one repeats a page, leaves one out, or
 * does not open with what the one before closed with. The first statement of an account may be any, from its first page.
 */
export function continued(
  known: ReadonlyMap<string, AccountPosition>,
  statements: readonly CheckedStatement[],
): Map<string, AccountPosition> {
  const after = new Map<string, AccountPosition>();
  for (const statement of statements) {
    if (statement.side !== 'bank') continue;
    const key = accountKey(statement);
    const before = after.get(key) ?? known.get(key);
    if (before === undefined) checkFirst(statement);
    else checkNext(before, statement);
    const { sequence, page, isLastPage, closingMinor, date } = statement;
    after.set(key, { sequence, page, isLastPage, closingMinor, date });
  }
  return after;
}

function checkFirst(statement: CheckedStatement): void {
  if (statement.page !== 1)
    throw new BadFile(
      'sequence_gap',
      statement.line,
      `The account begins with page ${statement.page}; page 1 is missing.`,
    );
}

function checkNext(before: AccountPosition, statement: CheckedStatement): void {
  const said = `statement ${statement.sequence} page ${statement.page}`;
  const last = `statement ${before.sequence} page ${before.page}`;
  // Banks begin again with 1 each year.
  const isNewYear = statement.sequence === 1 && statement.date.slice(0, 4) > before.date.slice(0, 4);
  const expected = before.isLastPage
    ? { sequence: isNewYear ? 1 : before.sequence + 1, page: 1 }
    : { sequence: before.sequence, page: before.page + 1 };
  const isNumbered = statement.sequence > 0 && before.sequence > 0;
  if (isNumbered && (statement.sequence !== expected.sequence || statement.page !== expected.page)) {
    const isBehind =
      statement.sequence < expected.sequence ||
      (statement.sequence === expected.sequence && statement.page < expected.page);
    if (isBehind)
      throw new BadFile('duplicate_page', statement.line, `${said} comes after ${last}: it is already here.`);
    throw new BadFile('sequence_gap', statement.line, `${said} comes after ${last}: what is between is missing.`);
  }
  if (statement.openingMinor !== before.closingMinor) {
    const [opens, closed] = [statement.openingMinor, before.closingMinor].map((minor) =>
      decimalText(statement.currency, minor),
    );
    const detail = `${shown(said)} opens with ${opens}; the one before closed with ${closed} ${statement.currency}.`;
    throw new BadFile('balance_gap', statement.line, detail);
  }
}
