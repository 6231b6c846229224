/** An invoice or credit note on paper: A4, one font family whose subsets cover Latin, Greek, Cyrillic and Devanagari. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import PDFDocument from 'pdfkit';
import { type InvoiceContents, type InvoiceLineContents, indiaDay } from './invoice.ts';
import type { Invoice } from './invoices.ts';
import { formatMinor } from './money-text.ts';
import { stateOf } from './seller.ts';

const require = createRequire(import.meta.url);
const subsets = ['latin', 'latin-ext', 'devanagari', 'cyrillic', 'cyrillic-ext', 'greek', 'greek-ext', 'vietnamese'];
const weights = { regular: 400, bold: 700 } as const;
type Weight = keyof typeof weights;

interface Fonts {
  /** The subset that has the character; undefined when none has. */
  subsetOf(character: string): string | undefined;
  readonly files: ReadonlyMap<string, Buffer>;
}

let fonts: Promise<Fonts> | undefined;

async function readFonts(): Promise<Fonts> {
  const ranges: Record<string, string> = JSON.parse(
    await readFile(require.resolve('@fontsource/noto-sans/unicode.json'), 'utf8'),
  );
  const spans = subsets.map((name) => ({ name, spans: spansOf(ranges[name] ?? '') }));
  const files = new Map<string, Buffer>();
  for (const name of subsets)
    for (const [weight, number] of Object.entries(weights)) {
      const file = `@fontsource/noto-sans/files/noto-sans-${name}-${number}-normal.woff`;
      files.set(`${name} ${weight}`, await readFile(require.resolve(file)));
    }
  const subsetOf = (character: string) => {
    const code = character.codePointAt(0) ?? 0;
    return spans.find((each) => each.spans.some(([first, last]) => code >= first && code <= last))?.name;
  };
  return { subsetOf, files };
}

/** `U+0000-00FF,U+0131` as pairs of first and last. */
function spansOf(ranges: string): [number, number][] {
  return ranges.split(',').map((range) => {
    const [first = '', last = first] = range.trim().replace('U+', '').split('-');
    return [Number.parseInt(first, 16), Number.parseInt(last, 16)];
  });
}

const page = { left: 40, right: 555, top: 40, bottom: 780 };

/** The document's bytes. The same invoice gives the same bytes. */
export async function invoicePdf(invoice: Invoice): Promise<Buffer> {
  fonts ??= readFonts();
  const document = new PDFDocument({
    size: 'A4',
    margin: page.left,
    info: {
      Title: `${titleOf(invoice.contents)} ${invoice.number}`,
      CreationDate: invoice.issuedAt,
      ModDate: invoice.issuedAt,
    },
  });
  const chunks: Buffer[] = [];
  document.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve) => document.on('end', resolve));
  draw(penOn(document, await fonts), invoice);
  document.end();
  await ended;
  return Buffer.concat(chunks);
}

function titleOf(contents: InvoiceContents): string {
  return contents.kind === 'invoice' ? 'Tax invoice' : 'Credit note';
}

interface Written {
  readonly x?: number;
  readonly width?: number;
  readonly size?: number;
  readonly weight?: Weight;
  readonly align?: 'left' | 'right';
}

interface Pen {
  y: number;
  /** Writes wrapped text at `y` and gives where it ends. */
  write(text: string, how?: Written): number;
  rule(): void;
  /** A new page unless so much is left of this one. */
  room(height: number): void;
}

interface Run {
  readonly text: string;
  readonly font: string;
}

function penOn(document: PDFKit.PDFDocument, { subsetOf, files }: Fonts): Pen {
  const registered = new Set<string>();
  const use = (font: string, size: number) => {
    const file = files.get(font);
    if (file === undefined) throw new Error(`no font ${font}`);
    if (!registered.has(font)) document.registerFont(font, file);
    registered.add(font);
    return document.font(font).fontSize(size);
  };
  const runsOf = (text: string, weight: Weight): Run[] => {
    const runs: { text: string; font: string }[] = [];
    for (const character of text) {
      const last = runs.at(-1);
      const subset = subsetOf(character);
      // What no subset has is shown as a question mark; the invoice itself keeps the text.
      const shown = subset === undefined ? '?' : character;
      const font = `${subset ?? 'latin'} ${weight}`;
      if (last?.font === font || (last !== undefined && shown === ' ')) last.text += shown;
      else runs.push({ text: shown, font });
    }
    return runs;
  };
  const widths = new Map<string, number>();
  /** Laying text out is dear, and invoices repeat themselves. */
  const widthOf = (text: string, weight: Weight, size: number) => {
    const key = `${weight} ${size} ${text}`;
    const known = widths.get(key);
    if (known !== undefined) return known;
    const width = runsOf(text, weight).reduce((sum, run) => sum + use(run.font, size).widthOfString(run.text), 0);
    widths.set(key, width);
    return width;
  };
  const drawLine = (text: string, x: number, y: number, weight: Weight, size: number) => {
    let at = x;
    for (const run of runsOf(text, weight)) {
      use(run.font, size).text(run.text, at, y, { lineBreak: false });
      at += document.widthOfString(run.text);
    }
  };
  const pen: Pen = {
    y: page.top,
    write: (text, how = {}) => {
      const { x = page.left, width = page.right - x, size = 9, weight = 'regular', align = 'left' } = how;
      let y = pen.y;
      for (const line of wrap(text, width, (part) => widthOf(part, weight, size))) {
        drawLine(line, align === 'left' ? x : x + width - widthOf(line, weight, size), y, weight, size);
        y += size * 1.45;
      }
      return y;
    },
    rule: () => {
      document.moveTo(page.left, pen.y).lineTo(page.right, pen.y).lineWidth(0.5).stroke('#888888');
      pen.y += 5;
    },
    room: (height) => {
      if (pen.y + height <= page.bottom) return;
      document.addPage();
      pen.y = page.top;
    },
  };
  return pen;
}

/** Lines no wider than `width`, word by word; a word that is wider by itself is cut. */
function wrap(text: string, width: number, measure: (part: string) => number): string[] {
  const space = measure(' ');
  const lines: string[] = [];
  for (const paragraph of text.split(/\r?\n/)) {
    let line: string[] = [];
    let filled = 0;
    for (const word of paragraph.split(/\s+/).flatMap((each) => cut(each, width, measure))) {
      const wide = measure(word);
      if (line.length > 0 && filled + space + wide > width) {
        lines.push(line.join(' '));
        line = [];
        filled = 0;
      }
      filled += (line.length === 0 ? 0 : space) + wide;
      line.push(word);
    }
    lines.push(line.join(' '));
  }
  return lines;
}

function cut(word: string, width: number, measure: (part: string) => number): string[] {
  if (measure(word) <= width) return [word];
  const parts: string[] = [];
  let part = '';
  let filled = 0;
  for (const character of word) {
    const wide = measure(character);
    if (part !== '' && filled + wide > width) {
      parts.push(part);
      part = '';
      filled = 0;
    }
    part += character;
    filled += wide;
  }
  return [...parts, part];
}

function draw(pen: Pen, invoice: Invoice): void {
  drawHead(pen, invoice);
  drawParties(pen, invoice);
  drawLines(pen, invoice.contents);
  drawSums(pen, invoice.contents);
  drawFoot(pen, invoice.contents);
}

const demonstrationText =
  'DEMONSTRATION: this platform and its payments are simulated. Nobody sold or paid anything; this is no tax document.';

function drawHead(pen: Pen, { contents, number, issuedAt }: Invoice): void {
  pen.y = pen.write(titleOf(contents), { size: 18, weight: 'bold' });
  if (contents.seller.isDemonstration) pen.y = pen.write(demonstrationText, { size: 9, weight: 'bold' }) + 4;
  const facts: [string, string][] = [
    ['Number', number],
    ['Date', indiaDay(issuedAt.getTime())],
    ['Order', contents.orderNumber],
    ['Place of supply', contents.placeOfSupply],
    ['Reverse charge', 'No'],
  ];
  const { corrects } = contents;
  if (corrects !== undefined)
    facts.push(
      ['Against invoice', `${corrects.number} of ${indiaDay(corrects.issuedAtMs)}`],
      ['Reason', contents.reason],
    );
  for (const [name, value] of facts) {
    pen.write(name, { width: 110, weight: 'bold' });
    pen.y = pen.write(value, { x: page.left + 115 });
  }
  pen.y += 6;
}

function drawParties(pen: Pen, { contents, buyerId }: Invoice): void {
  const { seller, recipient } = contents;
  const from = [seller.legalName, seller.address, `GSTIN ${seller.gstin}`, `State code ${stateOf(seller)}`];
  const to = [
    recipient.name || `Customer ${buyerId}`,
    recipient.address,
    recipient.gstin === '' ? '' : `GSTIN ${recipient.gstin}`,
    recipient.country === 'IN' ? '' : `Country ${recipient.country}`,
  ];
  const half = (page.right - page.left) / 2 - 10;
  const top = pen.y;
  const write = (title: string, lines: readonly string[], x: number) => {
    pen.y = top;
    pen.y = pen.write(title, { x, width: half, weight: 'bold' });
    for (const line of lines.filter((each) => each !== '')) pen.y = pen.write(line, { x, width: half });
    return pen.y;
  };
  const left = write('Supplier', from, page.left);
  const right = write('Recipient', to, page.left + half + 20);
  pen.y = Math.max(left, right) + 8;
}

const columns = [
  { title: 'Description', x: 40, width: 185, align: 'left' },
  { title: 'SAC', x: 230, width: 45, align: 'left' },
  { title: 'Qty', x: 275, width: 25, align: 'right' },
  { title: 'Value', x: 303, width: 60, align: 'right' },
  { title: 'Discount', x: 366, width: 55, align: 'right' },
  { title: 'Taxable', x: 424, width: 62, align: 'right' },
  { title: 'Total', x: 489, width: 66, align: 'right' },
] as const;

function drawLines(pen: Pen, contents: InvoiceContents): void {
  const top = pen.y;
  for (const column of columns) pen.write(column.title, { ...column, weight: 'bold', size: 8 });
  pen.y = top + 13;
  pen.rule();
  for (const line of contents.lines) {
    pen.room(60);
    drawLine(pen, line, contents.currency);
  }
  pen.rule();
}

function drawLine(pen: Pen, line: InvoiceLineContents, currency: string): void {
  const amount = (minor: bigint) => formatMinor(minor, currency);
  const cells = [
    line.description,
    line.sac,
    String(line.quantity),
    amount(line.valueMinor),
    amount(line.discountMinor),
    amount(line.taxableMinor),
    amount(line.totalMinor),
  ];
  const ends = columns.map((column, index) => pen.write(cells[index] ?? '', { ...column, size: 8 }));
  pen.y = Math.max(...ends);
  const taxes = line.taxes.map(
    (tax) => `${taxName(tax.kind)} ${percent(tax.rateBasisPoints)}: ${amount(tax.amountMinor)}`,
  );
  if (taxes.length > 0) pen.y = pen.write(taxes.join('   '), { size: 8, x: page.left + 8 });
  pen.y += 4;
}

function drawSums(pen: Pen, contents: InvoiceContents): void {
  pen.room(90);
  const { currency, lines } = contents;
  const sums: [string, bigint][] = [['Taxable value', contents.taxableMinor]];
  for (const kind of ['cgst', 'sgst', 'igst'] as const) {
    const parts = lines.flatMap((line) => line.taxes.filter((tax) => tax.kind === kind));
    if (parts.length > 0) sums.push([taxName(kind), parts.reduce((sum, tax) => sum + tax.amountMinor, 0n)]);
  }
  sums.push([contents.kind === 'invoice' ? 'Total' : 'Total credited', contents.totalMinor]);
  for (const [name, minor] of sums) {
    const weight = name.startsWith('Total') ? 'bold' : 'regular';
    pen.write(name, { x: 340, width: 100, weight });
    pen.y = pen.write(`${currency === 'INR' ? '₹' : currency} ${formatMinor(minor, currency)}`, {
      x: 445,
      width: 110,
      align: 'right',
      weight,
    });
  }
  pen.y += 8;
}

function drawFoot(pen: Pen, contents: InvoiceContents): void {
  pen.room(60);
  if (contents.isExport)
    pen.y = pen.write('Supply meant for export under bond or letter of undertaking without payment of integrated tax.');
  pen.y = pen.write(`All amounts in ${contents.currency}. Tax is not payable on reverse charge.`);
  if (contents.seller.isDemonstration) pen.y = pen.write(demonstrationText, { weight: 'bold' });
  else pen.y = pen.write(`For ${contents.seller.legalName}. Made by computer; authorised signatory on record.`);
}

function taxName(kind: 'cgst' | 'sgst' | 'igst'): string {
  return kind.toUpperCase();
}

/** 900 as `9 %`, 1250 as `12.50 %`. */
function percent(basisPoints: number): string {
  return basisPoints % 100 === 0 ? `${basisPoints / 100} %` : `${(basisPoints / 100).toFixed(2)} %`;
}
