/**
 * MT940 customer statements (SWIFT, category 9), bare or in their blocks. Fields are in SWIFT's x set; only texts for
 * people (field 86 and the supplement of 61) may hold the rest of ISO 8859-1, as many banks send them.
 */
import { currencyCode, majorAmount, shown, swiftDate } from './amount.ts';
import { BadFile } from './bad-file.ts';
import { descriptionCharsMax, type FileItem, type ReadLine, references } from './file-item.ts';
import { latin1Text, type TextLine, textLines } from './text-lines.ts';

interface Field {
  readonly tag: string;
  readonly line: number;
  readonly rows: string[];
}

const xSet = /^[A-Za-z0-9/\-?:().,'+{} ]*$/;
const rowsMax = 64;

export async function* readMt940(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<FileItem> {
  const reading = new Mt940();
  let field: Field | undefined;
  let last = 0;
  for await (const line of textLines(latin1Text(bytes))) {
    last = line.number;
    const isEnd = /^-(\}.*)?$/.test(line.text);
    const begun = /^(?:\{1:.*\{4:)?:(\d{2}[A-Z]?):(.*)$/.exec(line.text);
    if (isEnd || begun !== null) {
      if (field !== undefined) yield* reading.field(field);
      field = begun === null ? undefined : { tag: begun[1] ?? '', line: line.number, rows: [begun[2] ?? ''] };
      if (isEnd) reading.end(line.number);
    } else if (field !== undefined) addRow(field, line);
    else if (line.text !== '' && !/^\{[1-5]:/.test(line.text))
      throw new BadFile('malformed', line.number, `"${shown(line.text)}" belongs to no field.`);
  }
  if (field !== undefined) yield* reading.field(field);
  reading.end(last);
  if (reading.statements === 0) throw new BadFile('empty', last, 'The file holds no statement.');
}

function addRow(field: Field, line: TextLine): void {
  if (field.rows.length >= rowsMax) throw new BadFile('limit', line.number, `A field has at most ${rowsMax} rows.`);
  field.rows.push(line.text);
}

interface Begun {
  readonly line: number;
  account: string;
  reference: string;
  sequence: number;
  page: number;
  currency: string;
  isClosed: boolean;
}

class Mt940 {
  statements = 0;
  #begun: Begun | undefined;
  #entry: ReadLine | undefined;

  *field(field: Field): Generator<FileItem> {
    const [text = ''] = field.rows;
    if (field.tag !== '86' && !xSet.test(text))
      throw new BadFile('encoding', field.line, `Field ${field.tag} holds characters that are not in SWIFT's x set.`);
    if (field.tag === '20') return this.#begin(field.line, text);
    const begun = this.#begun;
    if (begun === undefined) throw new BadFile('malformed', field.line, `Field ${field.tag} comes before field 20.`);
    if (field.tag === '25') begun.account = text.trim();
    if (field.tag === '28C' || field.tag === '28') number28(begun, text, field.line);
    if (field.tag === '60F' || field.tag === '60M') yield this.#opened(begun, field);
    if (field.tag === '61') yield* this.#entered(begun, field);
    if (field.tag === '86' && this.#entry !== undefined) this.#entry = informed(this.#entry, field.rows.join(''));
    if (field.tag === '62F' || field.tag === '62M') yield* this.#closed(begun, field);
  }

  /** Where a message ends: its statement must be closed. */
  end(line: number): void {
    if (this.#begun !== undefined && !this.#begun.isClosed)
      throw new BadFile('truncated', line, 'The statement has no closing balance (field 62F or 62M).');
    this.#begun = undefined;
  }

  #begin(line: number, reference: string): void {
    if (this.#begun !== undefined && !this.#begun.isClosed)
      throw new BadFile('truncated', line, 'The statement before this one has no closing balance.');
    this.statements += 1;
    this.#begun = {
      line,
      account: '',
      reference: reference.trim(),
      sequence: 0,
      page: 1,
      currency: '',
      isClosed: false,
    };
  }

  get #key(): string {
    return `statement ${this.statements}`;
  }

  #opened(begun: Begun, field: Field): FileItem {
    if (begun.account === '') throw new BadFile('malformed', field.line, 'The statement names no account (field 25).');
    if (begun.currency !== '') throw new BadFile('malformed', field.line, 'The statement has two opening balances.');
    if ((begun.page === 1) !== (field.tag === '60F'))
      throw new BadFile('sequence_gap', field.line, `Page ${begun.page} opens with field ${field.tag}.`);
    const balance = readBalance(field);
    begun.currency = balance.currency;
    const { account, reference, sequence, page } = begun;
    return {
      ...{ type: 'open', key: this.#key, line: begun.line, side: 'bank', account, currency: balance.currency },
      ...{ reference, sequence, page, openingMinor: balance.minor },
    };
  }

  *#entered(begun: Begun, field: Field): Generator<FileItem> {
    if (begun.currency === '' || begun.isClosed)
      throw new BadFile('malformed', field.line, 'An entry (field 61) stands outside opening and closing balance.');
    yield* this.#flush();
    this.#entry = readEntry(field, begun.currency, this.#key);
  }

  *#closed(begun: Begun, field: Field): Generator<FileItem> {
    if (begun.currency === '')
      throw new BadFile('malformed', field.line, 'The closing balance comes before the opening one.');
    yield* this.#flush();
    const balance = readBalance(field);
    begun.isClosed = true;
    yield {
      ...{ type: 'close', key: this.#key, line: field.line, currency: balance.currency, closingMinor: balance.minor },
      ...{ lines: undefined, isLastPage: field.tag === '62F', date: balance.date },
    };
  }

  /** An entry is whole when what follows is no field 86 of it. */
  *#flush(): Generator<FileItem> {
    if (this.#entry !== undefined) yield this.#entry;
    this.#entry = undefined;
  }
}

function number28(begun: Begun, text: string, line: number): void {
  const found = /^(\d{1,5})(?:\/(\d{1,5}))?$/.exec(text.trim());
  if (found === null) throw new BadFile('malformed', line, `"${shown(text)}" is no statement number (field 28C).`);
  begun.sequence = Number(found[1]);
  begun.page = Number(found[2] ?? 1);
}

function readBalance({ rows, line, tag }: Field): { currency: string; minor: bigint; date: string } {
  const found = /^([CD])(\d{6})([A-Z]{3})([\d,]{1,15})$/.exec((rows[0] ?? '').trim());
  if (found === null) throw new BadFile('malformed', line, `Field ${tag} is no balance.`);
  const [, mark, date = '', code = '', amount = ''] = found;
  const currency = currencyCode(code, line);
  const minor = majorAmount(amount, currency, line, ',');
  return { currency, minor: mark === 'D' ? -minor : minor, date: swiftDate(date, line) };
}

/** Value date, entry date, mark (RC takes a credit back, RD a debit), funds code, amount, type, references. */
const entryPattern = /^(\d{6})(\d{4})?(RC|RD|C|D)([A-Z])?([\d,]{1,15})([NSF][A-Z0-9]{3})(.*)$/;

function readEntry(field: Field, currency: string, key: string): ReadLine {
  const [text = '', supplement = ''] = field.rows;
  const found = entryPattern.exec(text);
  if (found === null) throw new BadFile('malformed', field.line, 'Field 61 is no entry.');
  const [, date = '', , mark, , amount = '', , rest = ''] = found;
  const [owner = '', bank = ''] = rest.split('//');
  const minor = majorAmount(amount, currency, field.line, ',');
  return {
    ...{ type: 'line', key, line: field.line, kind: 'entry', currency, feeMinor: 0n },
    amountMinor: mark === 'C' || mark === 'RD' ? minor : -minor,
    valueDate: swiftDate(date, field.line),
    references: references(owner, bank),
    ownReference: bank.trim(),
    description: supplement.trim().slice(0, descriptionCharsMax),
  };
}

/** Field 86 may carry the whole reference where field 61 has no room: after /EREF/ (SEPA), up to the next slash. */
function informed(entry: ReadLine, information: string): ReadLine {
  const endToEnd = /\/EREF\/([^/]+)/.exec(information)?.[1] ?? '';
  return {
    ...entry,
    references: references(endToEnd, ...entry.references),
    description: `${entry.description} ${information}`.trim().slice(0, descriptionCharsMax),
  };
}
