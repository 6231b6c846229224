/**
 * The bytes that a batch of journals stands for, and the SHA-256 chain over them. Pure.
 *
 * Each batch's hash covers the hash before it, so that a byte changed, a row removed, added or moved anywhere shows at
 * that batch. The form is engine-neutral: fields in a fixed order, text with its length before it, numbers as 8 bytes.
 */
import { createHash } from 'node:crypto';
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
}

/** What one commit of the writer added. */
export interface Batch {
  /** Gapless from 1. */
  readonly sequence: bigint;
  readonly epoch: bigint;
  /** When it was recorded, microseconds since the epoch; above that of the batch before. */
  readonly recordedAtUs: bigint;
  readonly journals: readonly Journal[];
}

/** The hash before the first batch. */
export const genesisHash: Uint8Array = new Uint8Array(32);

const formatVersion = 1n;

export function batchHash(previous: Uint8Array, batch: Batch): Uint8Array {
  const hash = createHash('sha256');
  hash.update(previous);
  hash.update(batchBytes(batch));
  return hash.digest();
}

/** The canonical bytes of a batch. */
export function batchBytes(batch: Batch): Buffer {
  const parts = [int64(formatVersion), int64(batch.sequence), int64(batch.epoch), int64(batch.recordedAtUs)];
  parts.push(int64(BigInt(batch.journals.length)));
  for (const journal of batch.journals) parts.push(...journalParts(journal));
  return Buffer.concat(parts);
}

function journalParts(journal: Journal): Buffer[] {
  const { id, kind, cause, reference, description, currency } = journal;
  return [
    int64(journal.sequence),
    ...[id, kind, cause, reference, description, currency].map(text),
    int64(journal.effectiveAtUs),
    int64(BigInt(journal.transfers.length)),
    ...journal.transfers.flatMap(({ debit, credit, amount }) => [text(debit), text(credit), int64(amount)]),
  ];
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([int64(BigInt(bytes.length)), bytes]);
}

const base32 = '0123456789abcdefghjkmnpqrstvwxyz';

/** A journal's id follows from what it is of, so that the same fact can never have two. */
export function journalId(kind: string, cause: string): string {
  const digest = createHash('sha256').update(`${kind}\n${cause}`).digest();
  let rest = BigInt(`0x${digest.subarray(0, 17).toString('hex')}`);
  let id = '';
  for (let i = 0; i < 26; i += 1) {
    id += base32[Number(rest & 31n)];
    rest >>= 5n;
  }
  return `jnl_${id}`;
}
