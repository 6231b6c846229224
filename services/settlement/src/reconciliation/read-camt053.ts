/**
 * CAMT.053 bank statements (ISO 20022), versions 001.02 and 001.08. Only booked entries are lines. A document type
 * declaration refuses the file, so entities never exist, external or not.
 */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { currencyCode, isoDate, majorAmount, shown } from './amount.ts';
import { BadFile } from './bad-file.ts';
import { descriptionCharsMax, type FileItem, references } from './file-item.ts';
import { utf8Text } from './text-lines.ts';

const namespaces = /^urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(02|08)$/;
/** Longer than any element of the standard that is read here (Ustrd has 140, AddtlNtryInf 500). */
const textCharsMax = 4_096;
const depthMax = 32;

/** What was read of a Stmt or Ntry: the text of its inner elements by path, the first of each. */
interface Element {
  readonly line: number;
  readonly texts: Map<string, string>;
}

interface Balance {
  readonly code: string;
  readonly minor: bigint;
  readonly currency: string;
  readonly date: string;
}

export async function* readCamt053(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<FileItem> {
  const document = new Camt053();
  for await (const text of utf8Text(bytes)) {
    document.write(text);
    yield* document.take();
  }
  document.end();
  yield* document.take();
}

class Camt053 {
  readonly #parser = new SaxesParser();
  #items: FileItem[] = [];
  #path: string[] = [];
  #text = '';
  #group: Element = { line: 1, texts: new Map() };
  #statement: StatementReading | undefined;
  #inner: Element | undefined;
  #statements = 0;

  constructor() {
    this.#parser.on('error', (error) => {
      throw new BadFile('malformed', this.#parser.line, `The XML is not well-formed: ${shown(error.message)}`);
    });
    this.#parser.on('xmldecl', ({ encoding }) => {
      if (encoding !== undefined && encoding.toUpperCase() !== 'UTF-8')
        throw new BadFile('encoding', 1, `The file says it is ${shown(encoding)}; only UTF-8 is read.`);
    });
    this.#parser.on('doctype', () => {
      throw new BadFile(
        'document_type',
        this.#parser.line,
        'A document type declaration is refused, and every entity with it.',
      );
    });
    this.#parser.on('opentag', (tag) => this.#open(tag));
    this.#parser.on('closetag', () => this.#close());
    this.#parser.on('text', (text) => this.#add(text));
    this.#parser.on('cdata', (text) => this.#add(text));
  }

  write(text: string): void {
    this.#parser.write(text);
  }

  end(): void {
    if (this.#path.length > 0)
      throw new BadFile('truncated', this.#parser.line, `The file ends inside <${this.#path.at(-1)}>.`);
    this.#parser.close();
    if (this.#statements === 0) throw new BadFile('empty', this.#parser.line, 'The file holds no statement.');
  }

  take(): FileItem[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }

  #open(tag: SaxesTagPlain): void {
    const { line } = this.#parser;
    const name = tag.name.includes(':') ? tag.name.slice(tag.name.indexOf(':') + 1) : tag.name;
    if (this.#path.length === 0) checkRoot(name, tag, line);
    if (this.#path.length >= depthMax)
      throw new BadFile('limit', line, `Elements are nested at most ${depthMax} deep.`);
    this.#path.push(name);
    this.#text = '';
    if (name === 'Stmt' && this.#path.length === 3) {
      this.#statements += 1;
      this.#statement = new StatementReading(this.#statements, line, this.#group.texts);
    }
    if ((name === 'Ntry' || name === 'Bal') && this.#path.length === 4) this.#inner = { line, texts: new Map() };
    if (name === 'Amt' && this.#path.length === 5) this.#put('Amt@Ccy', tag.attributes['Ccy'] ?? '');
  }

  #add(text: string): void {
    this.#text += text;
    if (this.#text.length > textCharsMax)
      throw new BadFile('limit', this.#parser.line, `An element's text has at most ${textCharsMax} characters.`);
  }

  #close(): void {
    const depth = this.#path.length;
    const name = this.#path.at(-1) ?? '';
    const text = this.#text.trim();
    if (text !== '') this.#put(this.#path.slice(this.#inner === undefined ? 3 : 4).join('/'), text);
    if (this.#path[2] === 'GrpHdr' && text !== '') this.#group.texts.set(this.#path.slice(3).join('/'), text);
    this.#text = '';
    this.#path.pop();
    if (depth === 4 && this.#inner !== undefined && this.#statement !== undefined) {
      if (name === 'Bal') this.#statement.balance(this.#inner);
      if (name === 'Ntry') this.#items.push(...this.#statement.entry(this.#inner));
      this.#inner = undefined;
    }
    if (depth === 3 && name === 'Stmt' && this.#statement !== undefined) {
      this.#items.push(...this.#statement.end(this.#parser.line));
      this.#statement = undefined;
    }
  }

  #put(path: string, text: string): void {
    const texts = this.#inner?.texts ?? this.#statement?.head;
    if (texts !== undefined && !texts.has(path)) texts.set(path, text);
  }
}

function checkRoot(name: string, tag: SaxesTagPlain, line: number): void {
  const prefix = tag.name.includes(':') ? `xmlns:${tag.name.split(':')[0]}` : 'xmlns';
  if (name !== 'Document' || !namespaces.test(tag.attributes[prefix] ?? ''))
    throw new BadFile('unknown_layout', line, 'The file is no CAMT.053 of version 001.02 or 001.08.');
}

/** One Stmt: its head and balances come before its entries (the order of the schema), so it opens with its first entry. */
class StatementReading {
  readonly head = new Map<string, string>();
  readonly #key: string;
  readonly #line: number;
  readonly #group: ReadonlyMap<string, string>;
  readonly #balances: Balance[] = [];
  #isOpen = false;
  /** They are in the sender's count and not among the lines. */
  #unbooked = 0;

  constructor(number: number, line: number, group: ReadonlyMap<string, string>) {
    this.#key = `statement ${number}`;
    this.#line = line;
    this.#group = group;
  }

  balance({ texts, line }: Element): void {
    const currency = currencyCode(texts.get('Amt@Ccy') ?? '', line);
    const minor = signed(texts, majorAmount(texts.get('Amt') ?? '', currency, line), line);
    const date = isoDate(texts.get('Dt/Dt') ?? texts.get('Dt/DtTm') ?? '', line);
    this.#balances.push({ code: texts.get('Tp/CdOrPrtry/Cd') ?? '', minor, currency, date });
  }

  *entry({ texts, line }: Element): Generator<FileItem> {
    yield* this.#open();
    if ((texts.get('Sts/Cd') ?? texts.get('Sts') ?? 'BOOK') !== 'BOOK') {
      this.#unbooked += 1;
      return;
    }
    const currency = currencyCode(texts.get('Amt@Ccy') ?? '', line);
    const of = (path: string) => texts.get(path) ?? '';
    const detail = 'NtryDtls/TxDtls';
    const date = of('BookgDt/Dt') || of('BookgDt/DtTm') || of('ValDt/Dt') || of('ValDt/DtTm');
    yield {
      ...{ type: 'line', key: this.#key, line, kind: 'entry', currency, feeMinor: 0n },
      amountMinor: signed(texts, majorAmount(of('Amt'), currency, line), line),
      valueDate: isoDate(date, line),
      references: references(
        of(`${detail}/Refs/EndToEndId`),
        of(`${detail}/Refs/TxId`),
        of(`${detail}/RmtInf/Strd/CdtrRefInf/Ref`),
        of('AcctSvcrRef') || of(`${detail}/Refs/AcctSvcrRef`),
        of('NtryRef'),
      ),
      ownReference: of('AcctSvcrRef') || of(`${detail}/Refs/AcctSvcrRef`),
      description: [of(`${detail}/RmtInf/Ustrd`), of('AddtlNtryInf')].join(' ').trim().slice(0, descriptionCharsMax),
    };
  }

  *end(line: number): Generator<FileItem> {
    yield* this.#open();
    const isLastPage =
      (this.head.get('StmtPgntn/LastPgInd') ?? this.#group.get('MsgPgntn/LastPgInd') ?? 'true') === 'true';
    const closing = this.#balances.findLast(({ code }) => code === 'CLBD') ?? this.#interim().at(-1);
    if (closing === undefined || (isLastPage && closing.code !== 'CLBD'))
      throw new BadFile('truncated', line, 'The statement has no closing balance (CLBD).');
    const written = this.head.get('TxsSummry/TtlNtries/NbOfNtries');
    yield {
      ...{ type: 'close', key: this.#key, line, currency: closing.currency, closingMinor: closing.minor, isLastPage },
      ...{ date: closing.date, lines: written === undefined ? undefined : wholeNumber(written, line) - this.#unbooked },
    };
  }

  *#open(): Generator<FileItem> {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const opening = this.#balances.find(({ code }) => code === 'OPBD' || code === 'PRCD') ?? this.#interim()[0];
    if (opening === undefined)
      throw new BadFile('malformed', this.#line, 'The statement has no opening balance (OPBD).');
    const account = this.head.get('Acct/Id/IBAN') ?? this.head.get('Acct/Id/Othr/Id') ?? '';
    if (account === '') throw new BadFile('malformed', this.#line, 'The statement names no account.');
    const sequence = this.head.get('ElctrncSeqNb') ?? this.head.get('LglSeqNb') ?? '0';
    const page = this.head.get('StmtPgntn/PgNb') ?? this.#group.get('MsgPgntn/PgNb') ?? '1';
    yield {
      ...{ type: 'open', key: this.#key, line: this.#line, side: 'bank', account, currency: opening.currency },
      ...{ reference: this.head.get('Id') ?? '', openingMinor: opening.minor },
      ...{ sequence: wholeNumber(sequence, this.#line), page: wholeNumber(page, this.#line) },
    };
  }

  #interim(): Balance[] {
    return this.#balances.filter(({ code }) => code === 'ITBD');
  }
}

function signed(texts: ReadonlyMap<string, string>, minor: bigint, line: number): bigint {
  const indicator = texts.get('CdtDbtInd');
  if (indicator !== 'CRDT' && indicator !== 'DBIT')
    throw new BadFile('malformed', line, 'CdtDbtInd is neither CRDT nor DBIT.');
  if (minor < 0n)
    throw new BadFile('amount', line, 'An amount of CAMT.053 has no sign; CdtDbtInd says which way it goes.');
  return indicator === 'CRDT' ? minor : -minor;
}

function wholeNumber(text: string, line: number): number {
  if (!/^\d{1,9}$/.test(text))
    throw new BadFile('malformed', line, `"${shown(text)}" is not a number of a page, sequence or count.`);
  return Number(text);
}
