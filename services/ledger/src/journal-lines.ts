/** Journals as lines of JSON (NDJSON): bytes to lines, a line to its command or to what is wrong with it. Pure. */
import { type JournalToBook, JournalToBookSchema } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { jsonReader } from '@suuupra/platform/rpc/json-read';
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { LedgerOrder } from './command.ts';
import { ordersOf } from './journal-orders.ts';

/** Two hundred transfers, as many as a journal has, are half of it. */
export const lineBytesMax = 64 * 1024;

/** The bytes of a line, or that it was longer than lineBytesMax. */
export type LineBytes = Buffer | 'too long';

/**
 * Cuts bytes at line feeds, however they come. Holds back at most one line; of one that is too long it holds nothing, and
 * goes on after it.
 */
export class LineCutter {
  #parts: Buffer[] = [];
  #size = 0;

  /** The lines that end in these bytes; empty ones are left out. */
  push(bytes: Buffer): LineBytes[] {
    const lines: LineBytes[] = [];
    let from = 0;
    for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, from)) {
      this.#keep(bytes.subarray(from, at));
      lines.push(...this.end());
      from = at + 1;
    }
    this.#keep(bytes.subarray(from));
    return lines;
  }

  /** What came after the last line feed. */
  end(): LineBytes[] {
    const line = this.#size > lineBytesMax ? 'too long' : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    return line === 'too long' || line.some((byte) => !blanks.has(byte)) ? [line] : [];
  }

  #keep(part: Buffer): void {
    this.#size += part.byteLength;
    if (this.#size > lineBytesMax) this.#parts = [];
    else if (part.byteLength > 0) this.#parts.push(part);
  }
}

const lineFeed = 0x0a;
/** Space, tab, carriage return. */
const blanks: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d]);

/** A line: what it asks the book for, or why it asks for nothing that could be. Its number counts from 1. */
export type JournalLine =
  | { readonly id: string; readonly order: LedgerOrder }
  | { readonly id: string; readonly order?: undefined; readonly wrong: string };

const reader = jsonReader(JournalToBookSchema);

/** `refused` says which journals the caller may not ask for. */
export function readLine(line: LineBytes, refused: (journal: JournalToBook) => string | undefined): JournalLine {
  if (line === 'too long') return { id: '', wrong: `a line has at most ${lineBytesMax} bytes` };
  const json = jsonOf(line);
  if (json === undefined) return { id: '', wrong: 'it is not JSON in UTF-8' };
  const journal = reader.read(json);
  if (isRefusal(journal)) return { id: idOf(json), wrong: textOf(journal) };
  const wrong = refused(journal);
  if (wrong !== undefined) return { id: journal.id, wrong };
  const orders = ordersOf([journal]);
  if (isRefusal(orders)) return { id: journal.id, wrong: orders.detail };
  const [order] = orders;
  return order === undefined ? { id: journal.id, wrong: 'it asks for nothing' } : { id: journal.id, order };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Undefined for what is no JSON; nothing in JSON is. */
function jsonOf(line: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(line));
  } catch {
    return undefined;
  }
}

/** So that the caller knows which it was, where that can be said. */
function idOf(json: unknown): string {
  const id = typeof json === 'object' && json !== null && 'id' in json ? json.id : '';
  return typeof id === 'string' && id.length <= 100 && id.isWellFormed() ? id : '';
}

function textOf({ errors, detail }: Refusal): string {
  return errors.length === 0 ? detail : errors.map((error) => `${error.field} ${error.detail}`).join('; ');
}
