/**
 * The arithmetic of docs/scale.md: from a number of people and what they do to requests, events, bytes and cores, by the
 * figures that the benches wrote. `node bench/scale.ts` works it out again and puts it into the page.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { table } from './measure.ts';

const root = path.dirname(import.meta.dirname);
const page = path.join(root, 'docs', 'scale.md');
const [begin, end] = ['<!-- arithmetic -->', '<!-- /arithmetic -->'];

/** What is assumed and not measured. */
const assumed = {
  registered: 1e9,
  dailyShare: 0.1,
  readsPerDay: 50,
  /** Of the reads, those of one's own account. */
  ownShare: 0.2,
  purchasesPerYear: 5,
  /** The busiest hour against the mean. */
  readPeak: 5,
  purchasePeak: 10,
  transfersPerSale: 4,
  eventsPerPurchase: 7,
  merchants: 5e6,
  ledgerShards: 64,
} as const;

const secondsPerDay = 86_400;
const secondsPerYear = 365 * secondsPerDay;

/** The cells of the first row that begins with the text, in a page of results. */
function cellsOf(file: string, first: string): string[] {
  const row = readFileSync(path.join(root, 'bench', file), 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`| ${first}`));
  if (row === undefined) throw new Error(`${file} has no row "${first}"; run its bench first`);
  return row.split('|').map((cell) => cell.trim());
}

function numberIn(cell: string | undefined): number {
  const found = Number(/^[\d,.]+/.exec(cell ?? '')?.[0].replaceAll(',', ''));
  if (Number.isNaN(found)) throw new Error(`"${cell}" begins with no number`);
  return found;
}

function bytesPerJournal(): number {
  const text = readFileSync(path.join(root, 'bench', 'shards-results.md'), 'utf8');
  return numberIn(/takes ([\d,]+) bytes/.exec(text)?.[1]);
}

function measured() {
  return {
    readUs: numberIn(cellsOf('results.md', 'GET /api/v1/courses, signed in')[3]),
    ownUs: numberIn(cellsOf('results.md', 'GET /api/v1/users/me, signed in')[3]),
    purchaseNodeMs: numberIn(cellsOf('results.md', 'CPU a purchase, Node, ms')[2]),
    purchaseSqlMs: numberIn(cellsOf('results.md', 'CPU a purchase, PostgreSQL, ms')[2]),
    writerPerSecond: numberIn(cellsOf('money/results.md', 'uniform | PostgreSQL 18 | one a request |')[4]),
    journalBytes: bytesPerJournal(),
  };
}

const round = (value: number, digits = 0) => value.toLocaleString('en', { maximumFractionDigits: digits });
const terabytes = (bytes: number) => `${round(bytes / 1e12, 1)} TB`;

export function arithmetic(): string {
  const a = assumed;
  const m = measured();
  const reads = (a.registered * a.dailyShare * a.readsPerDay) / secondsPerDay;
  const purchases = (a.registered * a.purchasesPerYear) / secondsPerYear;
  const [readsAtPeak, atPeak] = [reads * a.readPeak, purchases * a.purchasePeak];
  const readUs = m.readUs * (1 - a.ownShare) + m.ownUs * a.ownShare;
  const transfers = atPeak * a.transfersPerSale;
  const yearly = a.registered * a.purchasesPerYear;
  const [least, most] = [yearly * m.journalBytes, yearly * m.journalBytes * a.transfersPerSale];
  const rows: [string, string, string][] = [
    ['people a day', `${round(a.registered)} registered × ${a.dailyShare * 100} %`, round(a.registered * a.dailyShare)],
    [
      'reads a second, mean and busiest hour',
      `${a.readsPerDay} a day each; × ${a.readPeak}`,
      `${round(reads)}; ${round(readsAtPeak)}`,
    ],
    [
      'cores for reads, busiest hour',
      `${m.readUs} µs a catalogue page, ${m.ownUs} µs one’s own (${a.ownShare * 100} %)`,
      round((readsAtPeak * readUs) / 1e6),
    ],
    [
      'purchases a second, mean and busiest hour',
      `${a.purchasesPerYear} a year for each registered; × ${a.purchasePeak}`,
      `${round(purchases)}; ${round(atPeak)}`,
    ],
    [
      'cores for purchases in Node, busiest hour',
      `${m.purchaseNodeMs} ms each, events and reading included`,
      round((atPeak * m.purchaseNodeMs) / 1e3),
    ],
    ['cores for their databases', `${m.purchaseSqlMs} ms each`, round((atPeak * m.purchaseSqlMs) / 1e3)],
    ['events a second, busiest hour', `${a.eventsPerPurchase} a purchase`, round(atPeak * a.eventsPerPurchase)],
    ['transfers a second, busiest hour', `${a.transfersPerSale} a sale`, round(transfers)],
    [
      'of what one writer of the ledger took',
      `${round(m.writerPerSecond)} a second, one transfer a journal`,
      `${round((100 * transfers) / m.writerPerSecond)} %`,
    ],
    [
      'ledger, bytes a year',
      `${m.journalBytes} bytes a journal of one transfer; of ${a.transfersPerSale} at most so many times`,
      `${terabytes(least)} to ${terabytes(most)}`,
    ],
    [
      `of that in each of ${a.ledgerShards} shards`,
      `${round(a.merchants / a.ledgerShards)} merchants each, of ${round(a.merchants)}`,
      `${round(least / a.ledgerShards / 1e9)} to ${round(most / a.ledgerShards / 1e9)} GB`,
    ],
  ];
  return table(['what', 'by', 'comes to'], rows);
}

if (import.meta.main) {
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error('docs/scale.md has no place for the arithmetic');
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${arithmetic()}\n\n${text.slice(to)}`);
}
