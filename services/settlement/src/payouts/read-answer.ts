/**
 * What a bank answers to a payout batch, read whole before anything is done: pain.002 (ISO 20022, Customer Payment Status
 * Report), a NACH-style return file, or a CSV. Throws BadFile with line and reason. No I/O.
 *
 * The two delimited forms, each closed by a total so that a cut file is seen:
 *
 *   csv: payout,batch,status,currency,amount,reason,bank_reference and at last total,<batch>,<count>,<currency>,<sum>,,
 *   nach_return: ach_code,transaction_reference,user_reference,amount_paise,flag,reason_code,utr and at last T,<count>,<batch>,<sum>,,,
 *
 * A NACH flag is 1 for credited and 0 for not: sent back, when it was credited before.
 */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { majorAmount, minorAmount, shown } from '../reconciliation/amount.ts';
import { BadFile } from '../reconciliation/bad-file.ts';
import { readRows } from '../reconciliation/read-delimited.ts';
import { textLines, utf8Text } from '../reconciliation/text-lines.ts';

export const answerFormats = ['pain_002', 'nach_return', 'csv'] as const;
export type AnswerFormat = (typeof answerFormats)[number];

export function isAnswerFormat(text: string): text is AnswerFormat {
  return (answerFormats as readonly string[]).includes(text);
}

export interface AnswerItem {
  readonly line: number;
  readonly endToEndId: string;
  /** Undefined where the format does not repeat it. */
  readonly amountMinor: bigint | undefined;
  /** not_paid: failed, or returned when the bank had said paid before. */
  readonly outcome: 'paid' | 'failed' | 'returned' | 'not_paid' | 'pending';
  readonly reason: string;
  readonly bankReference: string;
}

export interface PayoutAnswer {
  readonly items: readonly AnswerItem[];
  /** Said of all payouts of the batch that are not named. */
  readonly rest: 'paid' | 'failed' | 'pending';
  readonly restReason: string;
  /** What the answer says that our file had, wherever it says so. */
  readonly original: readonly OriginalTotal[];
}

export interface OriginalTotal {
  readonly line: number;
  /** Either. */
  readonly payouts?: number;
  readonly sumMinor?: bigint;
}

export interface AnsweredBatch {
  readonly id: string;
  readonly currency: string;
}

const itemsMax = 10_000;
const reasonForm = /^[A-Za-z0-9_ .-]{0,60}$/;

export async function readAnswer(format: AnswerFormat, bytes: Uint8Array, batch: AnsweredBatch): Promise<PayoutAnswer> {
  const answer = format === 'pain_002' ? await readPain002(bytes, batch) : await readTable(format, bytes, batch);
  const seen = new Set<string>();
  for (const { endToEndId, line } of answer.items) {
    if (seen.has(endToEndId))
      throw new BadFile('duplicate_page', line, `The payout ${shown(endToEndId)} is named twice.`);
    seen.add(endToEndId);
  }
  return answer;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const csvHeader = 'payout,batch,status,currency,amount,reason,bank_reference';
const nachHeader = 'ach_code,transaction_reference,user_reference,amount_paise,flag,reason_code,utr';
const columns = 7;
const csvOutcomes: Readonly<Record<string, AnswerItem['outcome']>> = {
  paid: 'paid',
  failed: 'failed',
  returned: 'returned',
  pending: 'pending',
};

async function readTable(
  format: 'nach_return' | 'csv',
  bytes: Uint8Array,
  batch: AnsweredBatch,
): Promise<PayoutAnswer> {
  if (format === 'nach_return') checkCurrency('INR', 1, batch);
  const rows = readRows(textLines(utf8Text(once(bytes))), ',');
  const first = await rows.next();
  if (first.done === true) throw new BadFile('empty', 0, 'The file holds nothing.');
  const header = format === 'csv' ? csvHeader : nachHeader;
  if (first.value.cells.join(',') !== header)
    throw new BadFile('unknown_layout', 1, `The header of ${format} is ${header}.`);
  const items: AnswerItem[] = [];
  let total: { readonly count: string; readonly sumMinor: bigint } | undefined;
  let last = 1;
  for await (const { number, cells } of rows) {
    last = number;
    if (total !== undefined) throw new BadFile('malformed', number, 'A row follows the total.');
    if (cells.length !== columns)
      throw new BadFile('truncated', number, `The row has ${cells.length} columns, the header ${columns}.`);
    if (items.length >= itemsMax) throw new BadFile('limit', number, `An answer has at most ${itemsMax} rows.`);
    const isTotal = cells[0] === (format === 'csv' ? 'total' : 'T');
    if (isTotal) total = (format === 'csv' ? csvTotal : nachTotal)(cells, number, batch);
    else items.push((format === 'csv' ? csvItem : nachItem)(cells, number, batch));
  }
  if (total === undefined) throw new BadFile('truncated', last, 'The file has no total: it is cut.');
  if (total.count !== `${items.length}`)
    throw new BadFile('count', last, `The total says ${shown(total.count)} rows; there are ${items.length}.`);
  if (items.reduce((sum, item) => sum + (item.amountMinor ?? 0n), 0n) !== total.sumMinor)
    throw new BadFile('arithmetic', last, 'The rows do not add up to the total.');
  return { items, rest: 'pending', restReason: '', original: [] };
}

function csvItem(cells: readonly string[], line: number, batch: AnsweredBatch): AnswerItem {
  const [endToEndId = '', named = '', status = '', currency = '', amount = '', reason = '', bankReference = ''] = cells;
  checkBatch(named, line, batch);
  checkCurrency(currency, line, batch);
  const outcome = csvOutcomes[status];
  if (outcome === undefined)
    throw new BadFile('malformed', line, `"${shown(status)}" is none of paid, failed, returned, pending.`);
  const amountMinor = majorAmount(amount, currency, line);
  return { line, endToEndId, amountMinor, outcome, reason: reasonText(reason, line), bankReference };
}

function csvTotal(cells: readonly string[], line: number, batch: AnsweredBatch) {
  const [, named = '', count = '', currency = '', amount = ''] = cells;
  checkBatch(named, line, batch);
  checkCurrency(currency, line, batch);
  return { count, sumMinor: majorAmount(amount, currency, line) };
}

function nachItem(cells: readonly string[], line: number, batch: AnsweredBatch): AnswerItem {
  const [, endToEndId = '', named = '', paise = '', flag = '', reason = '', bankReference = ''] = cells;
  checkBatch(named, line, batch);
  if (flag !== '1' && flag !== '0') throw new BadFile('malformed', line, `The flag is 1 or 0, not "${shown(flag)}".`);
  const amountMinor = minorAmount(paise, 'INR', line);
  const outcome = flag === '1' ? 'paid' : 'not_paid';
  return { line, endToEndId, amountMinor, outcome, reason: reasonText(reason, line), bankReference };
}

function nachTotal(cells: readonly string[], line: number, batch: AnsweredBatch) {
  const [, count = '', named = '', paise = ''] = cells;
  checkBatch(named, line, batch);
  return { count, sumMinor: minorAmount(paise, 'INR', line) };
}

function checkBatch(named: string, line: number, { id }: AnsweredBatch): void {
  if (named !== id) throw new BadFile('other_batch', line, `This is of the batch "${shown(named)}", not of ${id}.`);
}

function checkCurrency(named: string, line: number, { currency }: AnsweredBatch): void {
  if (named !== currency)
    throw new BadFile('currency', line, `The batch is in ${currency}, this is in ${shown(named)}.`);
}

function reasonText(text: string, line: number): string {
  if (!reasonForm.test(text)) throw new BadFile('malformed', line, `"${shown(text)}" is not the code of a reason.`);
  return text;
}

const namespace = /^urn:iso:std:iso:20022:tech:xsd:pain\.002\.001\.(03|09|10|11|12)$/;
const depthMax = 32;
const textCharsMax = 4_096;

/** ISO 20022 external code set, payment transaction status. What is not here is refused and never guessed. */
const outcomes: Readonly<Record<string, AnswerItem['outcome']>> = {
  ...{ ACSC: 'paid', ACCC: 'paid', RJCT: 'failed', CANC: 'failed' },
  ...{ RCVD: 'pending', PDNG: 'pending', ACTC: 'pending', ACCP: 'pending', ACWC: 'pending', ACWP: 'pending' },
  ...{ ACSP: 'pending', ACFC: 'pending', PART: 'pending', PATC: 'pending', ACPD: 'pending' },
};

async function readPain002(bytes: Uint8Array, batch: AnsweredBatch): Promise<PayoutAnswer> {
  const reading = new Pain002(batch);
  for await (const text of utf8Text(once(bytes))) reading.write(text);
  return reading.end();
}

class Pain002 {
  readonly #parser = new SaxesParser();
  readonly #batch: AnsweredBatch;
  readonly #items: AnswerItem[] = [];
  readonly #original: OriginalTotal[] = [];
  readonly #path: string[] = [];
  /** What is said of the group, and of the payment information: the first text of each element by its path. */
  readonly #said = new Map<string, string>();
  #item: { readonly line: number; readonly texts: Map<string, string> } | undefined;
  #text = '';

  constructor(batch: AnsweredBatch) {
    this.#batch = batch;
    this.#parser.on('error', ({ message }) => {
      throw new BadFile('malformed', this.#parser.line, `The XML is not well-formed: ${shown(message)}`);
    });
    this.#parser.on('xmldecl', ({ encoding }) => {
      if (encoding !== undefined && encoding.toUpperCase() !== 'UTF-8')
        throw new BadFile('encoding', 1, `The file says it is ${shown(encoding)}; only UTF-8 is read.`);
    });
    this.#parser.on('doctype', () => {
      throw new BadFile('document_type', this.#parser.line, 'A document type declaration is refused.');
    });
    this.#parser.on('opentag', (tag) => this.#open(tag));
    this.#parser.on('closetag', () => this.#close());
    this.#parser.on('text', (text) => this.#add(text));
    this.#parser.on('cdata', (text) => this.#add(text));
  }

  write(text: string): void {
    this.#parser.write(text);
  }

  end(): PayoutAnswer {
    const { line } = this.#parser;
    if (this.#path.length > 0) throw new BadFile('truncated', line, `The file ends inside <${this.#path.at(-1)}>.`);
    this.#parser.close();
    const named = this.#said.get('OrgnlGrpInfAndSts/OrgnlMsgId');
    if (named === undefined) throw new BadFile('empty', line, 'The file names no original message.');
    const group = this.#said.get('OrgnlPmtInfAndSts/PmtInfSts') ?? this.#said.get('OrgnlGrpInfAndSts/GrpSts') ?? '';
    const rest = this.#items.length > 0 || group === '' ? 'pending' : outcomeOf(group, line);
    const reason =
      this.#said.get('OrgnlPmtInfAndSts/StsRsnInf/Rsn/Cd') ??
      this.#said.get('OrgnlGrpInfAndSts/StsRsnInf/Rsn/Cd') ??
      '';
    return {
      items: this.#items,
      rest: rest === 'paid' || rest === 'failed' ? rest : 'pending',
      restReason: reasonText(reason, line),
      original: this.#original,
    };
  }

  #open(tag: SaxesTagPlain): void {
    const { line } = this.#parser;
    const name = tag.name.slice(tag.name.indexOf(':') + 1);
    if (this.#path.length === 0) checkRoot(tag, name, line);
    if (this.#path.length >= depthMax)
      throw new BadFile('limit', line, `Elements are nested at most ${depthMax} deep.`);
    this.#path.push(name);
    this.#text = '';
    if (name === 'TxInfAndSts') {
      if (this.#items.length >= itemsMax) throw new BadFile('limit', line, `An answer has at most ${itemsMax} rows.`);
      this.#item = { line, texts: new Map() };
    }
    if (name === 'InstdAmt') this.#item?.texts.set('InstdAmt@Ccy', tag.attributes['Ccy'] ?? '');
  }

  #add(text: string): void {
    this.#text += text;
    if (this.#text.length > textCharsMax)
      throw new BadFile('limit', this.#parser.line, `An element's text has at most ${textCharsMax} characters.`);
  }

  #close(): void {
    const { line } = this.#parser;
    const name = this.#path.at(-1) ?? '';
    // Below Document and CstmrPmtStsRpt, and for a transaction below it.
    const at = this.#path.slice(this.#item === undefined ? 2 : this.#path.indexOf('TxInfAndSts') + 1).join('/');
    const text = this.#text.trim();
    this.#path.pop();
    this.#text = '';
    if (name === 'TxInfAndSts' && this.#item !== undefined) {
      this.#items.push(this.#itemOf(this.#item));
      this.#item = undefined;
      return;
    }
    if (text === '') return;
    const texts = this.#item?.texts ?? this.#said;
    if (!texts.has(at)) texts.set(at, text);
    if (at === 'OrgnlGrpInfAndSts/OrgnlMsgId' || at === 'OrgnlPmtInfAndSts/OrgnlPmtInfId')
      checkBatch(text, line, this.#batch);
    if (/^Orgnl(?:GrpInf|PmtInf)AndSts\/OrgnlNbOfTxs$/.test(at))
      this.#original.push({ line, payouts: wholeNumber(text, line) });
    if (/^Orgnl(?:GrpInf|PmtInf)AndSts\/OrgnlCtrlSum$/.test(at))
      this.#original.push({ line, sumMinor: majorAmount(text, this.#batch.currency, line) });
  }

  #itemOf({ line, texts }: { readonly line: number; readonly texts: ReadonlyMap<string, string> }): AnswerItem {
    const text = (name: string) => texts.get(name) ?? '';
    const endToEndId = text('OrgnlEndToEndId');
    if (endToEndId === '') throw new BadFile('malformed', line, 'A transaction has no OrgnlEndToEndId.');
    const amount = text('OrgnlTxRef/Amt/InstdAmt');
    if (amount !== '') checkCurrency(text('InstdAmt@Ccy'), line, this.#batch);
    return {
      ...{ line, endToEndId, outcome: outcomeOf(text('TxSts'), line) },
      amountMinor: amount === '' ? undefined : majorAmount(amount, this.#batch.currency, line),
      reason: reasonText(text('StsRsnInf/Rsn/Cd') || text('StsRsnInf/Rsn/Prtry'), line),
      bankReference: text('AcctSvcrRef').slice(0, 35),
    };
  }
}

function wholeNumber(text: string, line: number): number {
  if (!/^\d{1,15}$/.test(text)) throw new BadFile('malformed', line, `"${shown(text)}" is not a number of payouts.`);
  return Number(text);
}

function outcomeOf(status: string, line: number): AnswerItem['outcome'] {
  const outcome = outcomes[status];
  if (outcome === undefined)
    throw new BadFile('malformed', line, `"${shown(status)}" is not a known status of ISO 20022.`);
  return outcome;
}

function checkRoot(tag: SaxesTagPlain, name: string, line: number): void {
  const prefix = tag.name.includes(':') ? tag.name.slice(0, tag.name.indexOf(':')) : '';
  const given = tag.attributes[prefix === '' ? 'xmlns' : `xmlns:${prefix}`] ?? '';
  if (name !== 'Document' || !namespace.test(given))
    throw new BadFile('unknown_layout', line, 'The file is not a pain.002.001 (03, 09 to 12).');
}
