/**
 * Anchors: the head of the hash chain, written outside the database on a schedule. Whoever cuts off the newest batches
 * together with the writer's row leaves a chain that is intact in itself; the anchors still know how far it went.
 *
 * One object for each quarter of an hour in which the book had grown, named by its time and never replaced, so that a
 * checker needs no list of them. Up to the last quarter of an hour is not anchored yet.
 */
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { ObjectFault, type Objects } from '@suuupra/platform/objects/objects';
import type { World } from '@suuupra/platform/world';
import type { LedgerReading } from './reader.ts';

export interface Anchor {
  readonly batchSequence: bigint;
  readonly journalSequence: bigint;
  readonly hash: Uint8Array;
}

export const anchorEveryMs = 15 * 60_000;
const anchorBytesMax = 1_000;

/** Starts writing anchors; one at once, then one for each slot in which the book has grown. */
export function startAnchors(parts: {
  readonly objects: Objects;
  readonly store: LedgerReading;
  readonly world: World;
  readonly failed: (error: unknown) => void;
  /** Of several: whose book it is. */
  readonly shard?: number;
}): Loop {
  let anchored = 0n;
  return startLoop({
    round: async () => {
      anchored = await writeAnchor(parts.objects, parts.store, parts.world.now(), anchored, parts.shard);
      return slotOf(parts.world.now()) + anchorEveryMs;
    },
    now: () => parts.world.now(),
    idleMsMax: anchorEveryMs,
    failed: parts.failed,
  });
}

/** Writes the anchor of this slot where the book is beyond `anchored`. Gives the last batch that is anchored. */
export async function writeAnchor(
  objects: Objects,
  store: LedgerReading,
  nowMs: number,
  anchored: bigint,
  shard = 0,
): Promise<bigint> {
  const head = await store.reading((reader) => reader.head());
  if (head.batchSequence <= anchored) return anchored;
  const { batchSequence, journalSequence, hash } = head;
  const body = JSON.stringify({
    batch: String(batchSequence),
    journal: String(journalSequence),
    hash: Buffer.from(hash).toString('hex'),
  });
  try {
    await objects.put(anchorId(slotOf(nowMs), shard), 'application/json', Readable.from([body]), anchorBytesMax);
    return batchSequence;
  } catch (error) {
    // Another process, or this one before it was started again, has written this slot; the next will have the rest.
    if (error instanceof ObjectFault && error.kind === 'exists') return anchored;
    throw error;
  }
}

/** All anchors of the time, oldest first. */
export async function readAnchors(objects: Objects, fromMs: number, untilMs: number, shard = 0): Promise<Anchor[]> {
  const anchors: Anchor[] = [];
  for (let slot = slotOf(fromMs); slot <= untilMs; slot += anchorEveryMs) {
    const body = await objects.read(anchorId(slot, shard));
    if (body === undefined) continue;
    const { batch, journal, hash } = JSON.parse(await text(body)) as Record<'batch' | 'journal' | 'hash', string>;
    anchors.push({ batchSequence: BigInt(batch), journalSequence: BigInt(journal), hash: Buffer.from(hash, 'hex') });
  }
  return anchors;
}

function slotOf(ms: number): number {
  return ms - (ms % anchorEveryMs);
}

function anchorId(slotMs: number, shard: number): string {
  return `chain${shard === 0 ? '' : `-${shard}`}/${new Date(slotMs).toISOString().slice(0, 16).replaceAll(':', '')}`;
}
