/**
 * The bytes that a batch of journals stands for, and the SHA-256 chain over them. Pure.
 *
 * Each batch's hash covers the hash before it, so that a byte changed, a row removed, added or moved anywhere shows at
 * that batch. The form is engine-neutral: fields in a fixed order, text with its length before it, numbers as 8 bytes.
 */
import { createHash, hash } from 'node:crypto';
import type { Transfer } from './journals.ts';

/** A journal as it stands in the book. */
export interface Journal {
  /** Gapless from 1. */
  readonly sequence: bigint;
  readonly id: string;
  readonly kind: string;
  readonly cause: string;
  readonly reference: string;
  readonly description: string;
  readonly currency: string;
  /** When it happened, microseconds since the epoch. */
  readonly effectiveAtUs: bigint;
  readonly transfers: readonly Transfer[];
  /** What is held by it and has not moved. Absent: nothing. */
  readonly holds?: readonly Transfer[] | undefined;
  /** Of holds: from this time of the book on they can only expire; 0 or absent never. */
  readonly expiresAtUs?: bigint | undefined;
  /** The template it was made by and its version. Absent or empty in the first format. */
  readonly template?: string | undefined;
  /** What else it says, as JSON with sorted names. */
  readonly details?: string | undefined;
  /** Sequence of the journal whose holds it resolves; absent or 0: none. */
  readonly resolves?: bigint | undefined;
  /** Sequence of the journal that it reverses, in whole or in part; absent or 0: none. */
  readonly reverses?: bigint | undefined;
}

/** A command that was refused for what it asked. */
export interface RejectedCommand {
  readonly kind: string;
  readonly cause: string;
  readonly reference: string;
  readonly reason: string;
  readonly detail: string;
  /** Its contents, to name what differs when its id comes again. */
  readonly request: string;
  /** Its id keeps this answer for ever. */
  readonly isFinal: boolean;
}

/** What one commit of the writer added. */
export interface Batch {
  /** Gapless from 1. */
  readonly sequence: bigint;
  readonly epoch: bigint;
  /** When it was recorded, microseconds since the epoch; above that of the batch before. */
  readonly recordedAtUs: bigint;
  readonly journals: readonly Journal[];
  /** In the order in which they were refused. Absent: none. */
  readonly rejected?: readonly RejectedCommand[] | undefined;
  /** How the bytes are put together; absent: as this release writes them. */
  readonly format?: number | undefined;
}

/** The hash before the first batch. */
export const genesisHash: Uint8Array = new Uint8Array(32);

/** 1: journals with transfers. 2: with all that a journal may say, and the refused commands. */
export const formatNow = 2;

export function batchHash(previous: Uint8Array, batch: Batch): Uint8Array {
  return createHash('sha256').update(previous).update(batchBytes(batch)).digest();
}

/** The canonical bytes of a batch. */
export function batchBytes(batch: Batch): Buffer {
  const format = batch.format ?? formatNow;
  const bytes = new ByteWriter();
  for (const number of [BigInt(format), batch.sequence, batch.epoch, batch.recordedAtUs]) bytes.int64(number);
  bytes.int64(BigInt(batch.journals.length));
  for (const journal of batch.journals) writeJournal(bytes, journal, format);
  if (format === 1) return bytes.written();
  const rejected = batch.rejected ?? [];
  bytes.int64(BigInt(rejected.length));
  for (const { kind, cause, reference, reason, detail, request, isFinal } of rejected) {
    for (const part of [kind, cause, reference, reason, detail, request]) bytes.text(part);
    bytes.int64(isFinal ? 1n : 0n);
  }
  return bytes.written();
}

function writeJournal(bytes: ByteWriter, journal: Journal, format: number): void {
  const { id, kind, cause, reference, description, currency } = journal;
  bytes.int64(journal.sequence);
  for (const part of [id, kind, cause, reference, description, currency]) bytes.text(part);
  bytes.int64(journal.effectiveAtUs);
  writeTransfers(bytes, journal.transfers);
  if (format === 1) return;
  writeTransfers(bytes, journal.holds ?? []);
  bytes.int64(journal.expiresAtUs ?? 0n);
  bytes.text(journal.template ?? '');
  bytes.text(journal.details ?? '');
  bytes.int64(journal.resolves ?? 0n);
  bytes.int64(journal.reverses ?? 0n);
}

function writeTransfers(bytes: ByteWriter, transfers: readonly Transfer[]): void {
  bytes.int64(BigInt(transfers.length));
  for (const { debit, credit, amount } of transfers) {
    bytes.text(debit);
    bytes.text(credit);
    bytes.int64(amount);
  }
}

const bytesAtFirst = 4_096;
const asciiMax = 64;

/** One growing piece of memory: thousands of small ones cost more than what is in them. */
class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(bytesAtFirst);
  #view = viewOf(this.#bytes);
  #length = 0;

  int64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigInt64(this.#length, value);
    this.#length += 8;
  }

  text(value: string): void {
    // A UTF-16 unit takes at most three bytes in UTF-8.
    this.#reserve(8 + value.length * 3);
    const start = this.#length + 8;
    const length = this.#ascii(value, start) ? value.length : this.#bytes.write(value, start, 'utf8');
    this.#view.setUint32(this.#length, 0);
    this.#view.setUint32(this.#length + 4, length);
    this.#length = start + length;
  }

  /** Short ASCII text, as nearly all is, costs less byte by byte than a call out of JavaScript. */
  #ascii(value: string, start: number): boolean {
    if (value.length > asciiMax) return false;
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      this.#bytes[start + index] = code;
    }
    return true;
  }

  written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

const base32 = '0123456789abcdefghjkmnpqrstvwxyz';

/** A journal's id follows from what it is of, so that the same fact can never have two. */
export function journalId(kind: string, cause: string): string {
  const digest = hash('sha256', `${kind}\n${cause}`, 'buffer');
  // The first 17 bytes as one number, its lowest 130 bits five at a time from the lowest on.
  let id = 'jnl_';
  let bits = 0;
  let held = 0;
  let next = 16;
  for (let i = 0; i < 26; i += 1) {
    if (held < 5) {
      bits |= (digest[next] ?? 0) << held;
      held += 8;
      next -= 1;
    }
    id += base32[bits & 31];
    bits >>= 5;
    held -= 5;
  }
  return id;
}
