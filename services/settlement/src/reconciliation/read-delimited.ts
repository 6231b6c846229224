/** Settlement files with one record a row: CSV (RFC 4180) and TSV, by a layout. */
import { currencyCode, dayFirstDate, isoDate, majorAmount, minorAmount, shown } from './amount.ts';
import { BadFile } from './bad-file.ts';
import { followsRate, isRate, rateOf, type Sum } from './exchange.ts';
import {
  type ClosedStatement,
  descriptionCharsMax,
  type FileFormat,
  type FileItem,
  type ReadLine,
  references,
  type Settled,
} from './file-item.ts';
import { type Layout, layoutOf, layouts, outgoingKinds } from './layout.ts';
import { type TextLine, textLines, utf8Text } from './text-lines.ts';

export interface Row {
  readonly number: number;
  readonly cells: readonly string[];
}

const rowCharsMax = 64 * 1024;
/** What the ledger takes as the source of a rate. */
const sourceCharsMax = 100;
/** One file settles a day or a few; more open ones at a time would not fit in memory. */
const settlementsMax = 10_000;

export async function* readDelimited(bytes: AsyncIterable<Uint8Array>, format: FileFormat): AsyncGenerator<FileItem> {
  const rows = readRows(textLines(utf8Text(bytes)), format === 'settlement_tsv' ? '\t' : ',');
  const first = await rows.next();
  if (first.done === true) throw new BadFile('empty', 0, 'The file holds nothing.');
  const header = first.value.cells.map((cell) => cell.trim());
  const layout = layoutOf(format, header);
  if (layout === undefined) {
    const known = layouts.filter((each) => each.formats.includes(format)).map((each) => each.name);
    throw new BadFile('unknown_layout', 1, `The header is of no known layout of ${format} (${known.join(', ')}).`);
  }
  const twice = header.find((name, index) => name !== '' && header.indexOf(name) !== index);
  if (twice !== undefined) throw new BadFile('malformed', 1, `The column ${shown(twice)} is there twice.`);
  const reader = new SettlementRows(layout, header);
  let last = first.value.number;
  for await (const row of rows) {
    last = row.number;
    if (row.cells.length !== header.length)
      throw new BadFile(
        'truncated',
        row.number,
        `The row has ${row.cells.length} columns, the header ${header.length}.`,
      );
    yield* reader.read(row);
  }
  yield* reader.end(last);
}

/** Quotes as in RFC 4180; in TSV nothing is quoted. A quoted cell may hold line ends. */
export async function* readRows(lines: AsyncIterable<TextLine>, separator: ',' | '\t'): AsyncGenerator<Row> {
  let begun: { number: number; text: string } | undefined;
  for await (const line of lines) {
    const text: string = begun === undefined ? line.text : `${begun.text}\n${line.text}`;
    const number: number = begun?.number ?? line.number;
    if (text.length > rowCharsMax) throw new BadFile('limit', number, `A row has at most ${rowCharsMax} characters.`);
    const cells = separator === '\t' ? text.split('\t') : quotedCells(text, number);
    if (cells === undefined) {
      begun = { number, text };
      continue;
    }
    begun = undefined;
    if (!line.isEnded) throw new BadFile('truncated', number, 'The last row has no line end.');
    if (text !== '') yield { number, cells };
  }
  if (begun !== undefined) throw new BadFile('truncated', begun.number, 'A quote is opened and never closed.');
}

/** Undefined when a quote is still open at the end. */
function quotedCells(text: string, number: number): string[] | undefined {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      const end = closingQuote(text, at + 1);
      if (end === undefined) return undefined;
      cells.push(text.slice(at + 1, end).replaceAll('""', '"'));
      at = end + 1;
      if (at < text.length && text[at] !== ',') throw new BadFile('malformed', number, 'Text follows a closed quote.');
    } else {
      const comma = text.indexOf(',', at);
      const cell = text.slice(at, comma < 0 ? undefined : comma);
      if (cell.includes('"')) throw new BadFile('malformed', number, 'A quote stands inside an unquoted cell.');
      cells.push(cell);
      at = comma < 0 ? text.length : comma;
    }
    if (at >= text.length) return cells;
    at += 1;
  }
}

function closingQuote(text: string, from: number): number | undefined {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) if (text[at + 1] !== '"') return at;
  return undefined;
}

/** Rows to items: a settlement opens with its first row and closes with its total, or where the file ends. */
class SettlementRows {
  readonly #layout: Layout;
  readonly #place: ReadonlyMap<string, number>;
  readonly #settlements = new Map<
    string,
    { currency: string; isClosed: boolean; bankReference: string; date: string }
  >();
  readonly #hasTotals: boolean;

  constructor(layout: Layout, header: readonly string[]) {
    this.#layout = layout;
    this.#place = new Map(header.map((name, index) => [name, index]));
    this.#hasTotals = Object.values(layout.kinds).includes('total');
  }

  *read(row: Row): Generator<FileItem> {
    const { columns, kinds } = this.#layout;
    const written = this.#cell(row, columns.kind);
    const kind = kinds[written];
    if (kind === undefined)
      throw new BadFile(
        'malformed',
        row.number,
        `"${shown(written)}" is not a kind of the layout ${this.#layout.name}.`,
      );
    const key = this.#cell(row, columns.settlement);
    if (key === '') throw new BadFile('malformed', row.number, `The column ${columns.settlement} is empty.`);
    // Stripe writes codes in small letters.
    const currency = currencyCode(
      this.#layout.currencyAlways ?? this.#cell(row, columns.currency).toUpperCase(),
      row.number,
    );
    const date = this.#date(row);
    const known = this.#settlements.get(key);
    if (known?.isClosed === true)
      throw new BadFile('duplicate_page', row.number, `The settlement ${shown(key)} was closed by an earlier row.`);
    if (known === undefined) yield this.#open(row, key, currency, date);
    if (kind === 'total') {
      yield this.#close(row, key, currency, date);
      return;
    }
    yield* this.#lines(row, key, currency, date, kind);
  }

  *end(lastLine: number): Generator<FileItem> {
    if (this.#settlements.size === 0) throw new BadFile('empty', lastLine, 'The file has a header and no rows.');
    for (const [key, settlement] of this.#settlements) {
      if (settlement.isClosed) continue;
      if (this.#hasTotals)
        throw new BadFile('truncated', lastLine, `The settlement ${shown(key)} has no total: the file is cut.`);
      yield {
        ...{ type: 'close', key, line: lastLine, currency: settlement.currency, closingMinor: undefined },
        ...{ lines: undefined, isLastPage: true, date: settlement.date },
      };
    }
  }

  #open(row: Row, key: string, currency: string, date: string): FileItem {
    if (this.#settlements.size >= settlementsMax)
      throw new BadFile('limit', row.number, `A file has at most ${settlementsMax} settlements.`);
    const bankReference = this.#cell(row, this.#layout.columns.bankReference);
    this.#settlements.set(key, { currency, isClosed: false, bankReference, date });
    return {
      ...{ type: 'open', key, line: row.number, side: 'provider', account: this.#layout.provider, currency },
      // What says that there is none names nothing: settlements would be one and the same to the bank.
      ...{ reference: references(bankReference)[0] ?? key, sequence: 0, page: 1, openingMinor: 0n },
      onceKey: this.#layout.settlementsOnce === 'by_name' ? key : `${key} ${bankReference || date}`,
    };
  }

  #close(row: Row, key: string, currency: string, date: string): ClosedStatement {
    const { columns } = this.#layout;
    const settlement = this.#settlements.get(key);
    if (settlement !== undefined) settlement.isClosed = true;
    const count = this.#cell(row, columns.count);
    if (count !== '' && !/^\d{1,9}$/.test(count))
      throw new BadFile('count', row.number, `"${shown(count)}" is not a number of records.`);
    const closingMinor = this.#net(row, currency) ?? this.#amount(row, columns.gross, currency);
    return {
      ...{ type: 'close', key, line: row.number, currency, closingMinor, isLastPage: true, date },
      lines: count === '' ? undefined : Number(count),
    };
  }

  *#lines(
    row: Row,
    key: string,
    currency: string,
    date: string,
    kind: Exclude<Layout['kinds'][string], 'total'>,
  ): Generator<FileItem> {
    const { columns, disputeFeesApart } = this.#layout;
    const netMinor = this.#net(row, currency);
    const amountMinor = this.#gross(row, currency, kind, netMinor);
    const feeMinor = this.#amount(row, columns.fee, currency) + this.#amount(row, columns.tax, currency);
    if (netMinor !== undefined && netMinor !== amountMinor - feeMinor)
      throw new BadFile('arithmetic', row.number, 'The net amount is not the gross less fee and tax.');
    const paid = this.#presented(row, { currency, amountMinor });
    // A fee in another currency than what is disputed is none that the dispute tells of.
    const isApart = disputeFeesApart === true && kind === 'dispute' && feeMinor !== 0n && paid.settled === undefined;
    const refs = [...(columns.referencesIfThere ?? []), ...columns.references];
    const line: ReadLine = {
      ...{ type: 'line', key, line: row.number, kind, ...paid, valueDate: date },
      feeMinor: isApart ? 0n : feeMinor,
      references: references(...refs.map((column) => this.#cell(row, column))),
      ownReference: this.#cell(row, columns.own),
      description: this.#cell(row, columns.description).slice(0, descriptionCharsMax),
    };
    yield line;
    if (isApart) yield { ...line, kind: 'dispute_fee', amountMinor: -feeMinor, feeMinor: 0n };
  }

  /** What the customer paid, and what was settled of it where that is in another currency. */
  #presented(row: Row, gross: Sum): Sum & { readonly settled?: Settled } {
    const { presented } = this.#layout.columns;
    const code = this.#cell(row, presented?.currency).toUpperCase();
    const written = this.#cell(row, presented?.amount);
    if (presented === undefined || (code === '' && written === '')) return gross;
    const currency = currencyCode(code, row.number);
    const signed = this.#amount(row, presented.amount, currency);
    if (signed < 0n && gross.amountMinor > 0n)
      throw new BadFile(
        'amount',
        row.number,
        `${presented.amount} and ${this.#layout.columns.gross} go opposite ways.`,
      );
    const magnitude = signed < 0n ? -signed : signed;
    const paid = { currency, amountMinor: gross.amountMinor < 0n ? -magnitude : magnitude };
    if (currency === gross.currency) {
      if (paid.amountMinor !== gross.amountMinor)
        throw new BadFile('arithmetic', row.number, `${presented.amount} is not the gross, and in the same currency.`);
      return gross;
    }
    if (paid.amountMinor === 0n && gross.amountMinor === 0n) return gross;
    if (paid.amountMinor === 0n || gross.amountMinor === 0n)
      throw new BadFile('amount', row.number, 'An amount that is exchanged is above zero in both currencies.');
    return { ...paid, settled: { ...gross, ...this.#rate(row, paid, gross) } };
  }

  #rate(row: Row, paid: Sum, gross: Sum): Pick<Settled, 'rate' | 'source'> {
    const { presented, own } = this.#layout.columns;
    const source = `${this.#layout.provider}:${this.#cell(row, own)}`.slice(0, sourceCharsMax);
    const quoted = this.#cell(row, presented?.rate);
    if (quoted === '') return { rate: rateOf(paid, gross), source };
    if (!isRate(quoted))
      throw new BadFile(
        'exchange_rate',
        row.number,
        `"${shown(quoted)}" is not a rate: digits, with "." before decimals.`,
      );
    if (!followsRate(paid, gross, quoted)) {
      const detail = `At ${quoted} the gross in ${gross.currency} does not follow from what was paid in ${paid.currency}.`;
      throw new BadFile('exchange_rate', row.number, detail);
    }
    return { rate: quoted, source };
  }

  /** Undefined where the file gives none. */
  #net(row: Row, currency: string): bigint | undefined {
    const { debit, credit, net } = this.#layout.columns;
    if (net !== undefined) return this.#amount(row, net, currency);
    if (debit === undefined || credit === undefined) return undefined;
    const [taken, given] = [this.#amount(row, debit, currency), this.#amount(row, credit, currency)];
    if (taken < 0n || given < 0n || (taken > 0n && given > 0n))
      throw new BadFile('amount', row.number, 'A row has a debit or a credit, neither below zero.');
    return given - taken;
  }

  #gross(row: Row, currency: string, kind: string, netMinor: bigint | undefined): bigint {
    const { columns, signs } = this.#layout;
    const written = this.#amount(row, columns.gross, currency);
    if (signs === 'signed') return written;
    // All of it may have been kept: then the kind says which way it went.
    const isFromUs =
      signs === 'by_column' && netMinor !== undefined && netMinor !== 0n ? netMinor < 0n : outgoingKinds.has(kind);
    return isFromUs ? -written : written;
  }

  #amount(row: Row, column: string | undefined, currency: string): bigint {
    const text = this.#cell(row, column);
    if (text === '') return 0n;
    return this.#layout.amounts === 'major'
      ? majorAmount(text, currency, row.number)
      : minorAmount(text, currency, row.number);
  }

  #date(row: Row): string {
    const text = this.#cell(row, this.#layout.columns.date);
    switch (this.#layout.dates) {
      case 'iso':
        return isoDate(text, row.number);
      case 'day_first':
        return dayFirstDate(text, row.number);
      case 'iso_or_day_first':
        return /^\d{4}-/.test(text) ? isoDate(text, row.number) : dayFirstDate(text.split(' ')[0] ?? '', row.number);
    }
  }

  #cell(row: Row, column: string | undefined): string {
    const index = column === undefined ? undefined : this.#place.get(column);
    return index === undefined ? '' : (row.cells[index] ?? '').trim();
  }
}
