/**
 * Writes to an OpenSearch index in bounded requests. What the server turns away for load is given again, more slowly, and
 * given up after a few tries; a version that is not newer than what the index knows is passed over.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Door, DoorFault, kindOf } from './opensearch-door.ts';
import { SearchFault } from './search.ts';

export interface Write {
  readonly id: string;
  /** The server's number, see opensearch-form.ts. */
  readonly version: number;
  readonly body: object;
}

export interface BulkTarget {
  readonly door: Door;
  /** An alias: when it is gone the write fails, and no index is made for it. */
  readonly alias: string;
  /** Whether searches are to find the writes when they are done. */
  readonly refresh: boolean;
  readonly untilMs: number;
}

/** A server takes 100 MB at most; smaller requests share its memory better. */
const requestCharsMax = 4_000_000;
const requestWritesMax = 500;
/** One document of more is refused: its words alone would fill a request. */
export const documentCharsMax = 32_000_000;
const triesMax = 6;
const pauseMs = { first: 50, last: 2_000 };

/** Throws SearchFault; the writes before the one that failed are in. */
export async function writeAll(target: BulkTarget, writes: readonly Write[]): Promise<void> {
  const requests = divided(writes.map(encoded));
  for (const [at, request] of requests.entries()) {
    await writeSome({ ...target, refresh: target.refresh && at === requests.length - 1 }, request);
  }
}

interface EncodedWrite {
  readonly write: Write;
  readonly chars: number;
}

function encoded(write: Write): EncodedWrite {
  const chars = JSON.stringify(write.body).length;
  if (chars <= documentCharsMax) return { write, chars };
  throw new SearchFault('invalid', `The document ${write.id} is too large to be searched: ${chars} characters.`);
}

function divided(writes: readonly EncodedWrite[]): Write[][] {
  const requests: Write[][] = [];
  let charsLeft = 0;
  for (const { write, chars } of writes) {
    const last = requests.at(-1);
    if (last === undefined || last.length >= requestWritesMax || charsLeft < chars) {
      requests.push([write]);
      charsLeft = requestCharsMax - chars;
    } else {
      last.push(write);
      charsLeft -= chars;
    }
  }
  return requests;
}

interface BulkAnswer {
  readonly items: readonly {
    readonly index: { readonly status: number; readonly error?: { readonly type: string; readonly reason: string } };
  }[];
}

async function writeSome(target: BulkTarget, writes: readonly Write[]): Promise<void> {
  let rest = writes;
  for (let tries = 1; ; tries += 1) {
    rest = await turnedAway(target, rest);
    if (rest.length === 0) return;
    const restMs = Math.min(pauseMs.last, pauseMs.first * 2 ** tries) * (0.5 + Math.random() / 2);
    if (tries >= triesMax || performance.now() + restMs > target.untilMs) {
      throw new SearchFault('unavailable', `The search engine has no room for ${rest.length} writes now.`);
    }
    await delay(restMs);
  }
}

/** Sends the writes once; gives those that the server was too busy for. Throws at the first that it will never take. */
async function turnedAway(target: BulkTarget, writes: readonly Write[]): Promise<readonly Write[]> {
  const { door, alias, refresh, untilMs } = target;
  try {
    const { items } = await door.send<BulkAnswer>(
      {
        kind: 'bulk',
        method: 'POST',
        path: '/_bulk',
        query: { require_alias: true, refresh },
        lines: writes.flatMap(({ id, version, body }) => [
          { index: { _index: alias, _id: id, version, version_type: 'external_gte' } },
          body,
        ]),
      },
      untilMs,
    );
    return writes.filter((write, at) => isTurnedAway(write, items[at]?.index));
  } catch (error) {
    if (error instanceof DoorFault && error.status === 429 && error.kind === 'unavailable') return writes;
    throw error;
  }
}

function isTurnedAway({ id }: Write, item: BulkAnswer['items'][number]['index'] | undefined): boolean {
  if (item === undefined) throw new SearchFault('unavailable', `The search engine did not say what became of ${id}.`);
  const { status, error } = item;
  // 409: a newer version is there, or the document was removed at this one.
  if (error === undefined || status === 409) return false;
  const reason = `${error.type}: ${error.reason}`.slice(0, 500);
  const kind = kindOf(status, reason);
  if (status === 429 && kind === 'unavailable') return true;
  throw new DoorFault(kind, status, reason, `The search engine did not take ${id}: ${status} ${reason}`);
}
