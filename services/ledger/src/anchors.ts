/**
 * Anchors: the head of the hash chain, written outside the database on a schedule. Whoever cuts off the newest batches
 * together with the writer's row leaves a chain that is intact in itself; the anchors still know how far it went.
 *
 * One object for each minute in which the book had grown and one for each quarter of an hour, named by their time and never
 * replaced, so that a checker needs no list of them. A checker looks at every quarter of an hour there was, and at the
 * minutes of the last two days: what a later quarter vouches for needs them no more. Up to the last minute is not anchored.
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

/** What a cut can take with it unseen. */
export const anchorEveryMs = 60_000;
const quarterMs = 15 * 60_000;
/** Twice as long as from one nightly check to the next. */
const minutesReadMs = 48 * 60 * 60_000;
const anchorBytesMax = 1_000;

/** Starts writing anchors; at once, then for each slot in which the book has grown. */
export function startAnchors(parts: {
  readonly objects: Objects;
  readonly store: LedgerReading;
  readonly world: World;
  readonly failed: (error: unknown) => void;
  /** Of several: whose book it is. */
  readonly shard?: number;
}): Loop {
  const { objects, store, world, shard } = parts;
  const anchored = new Map<number, bigint>();
  return startLoop({
    round: async () => {
      for (const slotMs of [anchorEveryMs, quarterMs]) {
        const before = anchored.get(slotMs) ?? 0n;
        anchored.set(
          slotMs,
          await writeAnchor({ objects, store, slotMs, ...(shard && { shard }) }, world.now(), before),
        );
      }
      return slotOf(world.now(), anchorEveryMs) + anchorEveryMs;
    },
    now: () => world.now(),
    idleMsMax: anchorEveryMs,
    failed: parts.failed,
  });
}

export interface AnchorPlace {
  readonly objects: Objects;
  readonly store: LedgerReading;
  /** A minute, unless it is said otherwise. */
  readonly slotMs?: number;
  readonly shard?: number;
}

/** Writes the anchor of this slot where the book is beyond `anchored`. Gives the last batch that is anchored. */
export async function writeAnchor(
  { objects, store, slotMs = anchorEveryMs, shard = 0 }: AnchorPlace,
  nowMs: number,
  anchored: bigint,
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
    await objects.put(
      anchorId(slotOf(nowMs, slotMs), slotMs, shard),
      'application/json',
      Readable.from([body]),
      anchorBytesMax,
    );
    return batchSequence;
  } catch (error) {
    // Another process, or this one before it was started again, has written this slot; the next will have the rest.
    if (error instanceof ObjectFault && error.kind === 'exists') return anchored;
    throw error;
  }
}

/** The anchors of the time, in the order of the chain. */
export async function readAnchors(objects: Objects, fromMs: number, untilMs: number, shard = 0): Promise<Anchor[]> {
  const minutesFromMs = Math.max(fromMs, untilMs - minutesReadMs);
  const anchors = [
    ...(await readSlots(objects, fromMs, untilMs, quarterMs, shard)),
    ...(await readSlots(objects, minutesFromMs, untilMs, anchorEveryMs, shard)),
  ];
  return anchors.sort((a, b) => Number(a.batchSequence - b.batchSequence));
}

async function readSlots(
  objects: Objects,
  fromMs: number,
  untilMs: number,
  slotMs: number,
  shard: number,
): Promise<Anchor[]> {
  const anchors: Anchor[] = [];
  for (let slot = slotOf(fromMs, slotMs); slot <= untilMs; slot += slotMs) {
    const body = await objects.read(anchorId(slot, slotMs, shard));
    if (body === undefined) continue;
    const { batch, journal, hash } = JSON.parse(await text(body)) as Record<'batch' | 'journal' | 'hash', string>;
    anchors.push({ batchSequence: BigInt(batch), journalSequence: BigInt(journal), hash: Buffer.from(hash, 'hex') });
  }
  return anchors;
}

function slotOf(ms: number, slotMs: number): number {
  return ms - (ms % slotMs);
}

/** Quarters of an hour have the names that the releases before minutes gave them. */
function anchorId(atMs: number, slotMs: number, shard: number): string {
  const folder = slotMs === quarterMs ? 'chain' : 'chain-minutes';
  return `${folder}${shard === 0 ? '' : `-${shard}`}/${new Date(atMs).toISOString().slice(0, 16).replaceAll(':', '')}`;
}
