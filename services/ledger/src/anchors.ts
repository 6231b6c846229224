/**
 * Anchors: the head of the hash chain, written outside the database on a schedule. Whoever cuts off the newest batches
 * together with the writer's row leaves a chain that is intact in itself; the anchors still know how far it went.
 *
 * One object for each minute in which the book had grown and one for each quarter of an hour, named by their time and never
 * replaced, so that a checker needs no list of them. A checker looks at every quarter of an hour there was, and at the
 * minutes of the last two days: what a later quarter vouches for needs them no more. Up to the last minute is not anchored.
 *
 * The first batch has one whose name needs no time: so it is also seen that a book was emptied, or written anew from a later
 * day on, where nobody would look for the others.
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
  if (anchored === 0n) await writeFirst(objects, store, shard);
  // Where it is there, another process, or this one before it was started again, has written this slot; the next will have
  // the rest.
  const isWritten = await putAnchor(objects, anchorId(slotOf(nowMs, slotMs), slotMs, shard), head, {});
  return isWritten ? head.batchSequence : anchored;
}

async function writeFirst(objects: Objects, store: LedgerReading, shard: number): Promise<void> {
  const [first] = await store.reading((reader) => reader.batches(0n, 1));
  if (first === undefined) return;
  const { sequence: batchSequence, lastJournal: journalSequence, hash, recordedAtUs } = first;
  const at = String(recordedAtUs / 1_000n);
  await putAnchor(objects, firstId(shard), { batchSequence, journalSequence, hash }, { at });
}

/** False when there is one of this name. */
async function putAnchor(objects: Objects, id: string, anchor: Anchor, more: { readonly at?: string }) {
  const { batchSequence, journalSequence, hash } = anchor;
  const body = JSON.stringify({
    batch: String(batchSequence),
    journal: String(journalSequence),
    hash: Buffer.from(hash).toString('hex'),
    ...more,
  });
  try {
    await objects.put(id, 'application/json', Readable.from([body]), anchorBytesMax);
    return true;
  } catch (error) {
    if (error instanceof ObjectFault && error.kind === 'exists') return false;
    throw error;
  }
}

/** The anchors of the time, or from where the first one says that the book began before it, in the order of the chain. */
export async function readAnchors(objects: Objects, fromMs: number, untilMs: number, shard = 0): Promise<Anchor[]> {
  const first = await readAnchor(objects, firstId(shard));
  const beganMs = Math.min(fromMs, first?.atMs ?? fromMs);
  const minutesFromMs = Math.max(beganMs, untilMs - minutesReadMs);
  const anchors = [
    ...(first === undefined ? [] : [first]),
    ...(await readSlots(objects, beganMs, untilMs, quarterMs, shard)),
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
    const anchor = await readAnchor(objects, anchorId(slot, slotMs, shard));
    if (anchor !== undefined) anchors.push(anchor);
  }
  return anchors;
}

interface Written {
  readonly batch: string;
  readonly journal: string;
  readonly hash: string;
  readonly at?: string;
}

async function readAnchor(objects: Objects, id: string): Promise<(Anchor & { readonly atMs?: number }) | undefined> {
  const body = await objects.read(id);
  if (body === undefined) return undefined;
  const { batch, journal, hash, at } = JSON.parse(await text(body)) as Written;
  const anchor = { batchSequence: BigInt(batch), journalSequence: BigInt(journal), hash: Buffer.from(hash, 'hex') };
  return at === undefined ? anchor : { ...anchor, atMs: Number(at) };
}

function slotOf(ms: number, slotMs: number): number {
  return ms - (ms % slotMs);
}

function firstId(shard: number): string {
  return `${folderOf('chain', shard)}/first`;
}

function folderOf(name: string, shard: number): string {
  return shard === 0 ? name : `${name}-${shard}`;
}

/** Quarters of an hour have the names that the releases before minutes gave them. */
function anchorId(atMs: number, slotMs: number, shard: number): string {
  return `${folderOf(slotMs === quarterMs ? 'chain' : 'chain-minutes', shard)}/${new Date(atMs).toISOString().slice(0, 16).replaceAll(':', '')}`;
}
