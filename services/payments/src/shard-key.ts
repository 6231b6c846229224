/**
 * Which shard a payment is in. Pure.
 *
 * The key is the order: one order has one intent, and all that is told of payments has the order as its subject. A buyer's
 * mandates are together, by the buyer. What is made in a shard says so: two characters of its id, after the time, are the
 * number of the shard, so that a call that has nothing but the id needs no map. What was there before there were shards is in
 * shard 0: ids from before that time, and the buyers whose mandates were there.
 */
import { shardOf } from '@suuupra/platform/shards/shard-of';
import type { World } from '@suuupra/platform/world';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const charactersOfTime = 10;
const form = /^([a-z]+)_([0-9a-hjkmnp-tv-z]{10})([0-9a-hjkmnp-tv-z]{2})[0-9a-hjkmnp-tv-z]{14}$/;
/** Ids that nobody else makes. Refunds and captures may have an id that orders gave them. */
const minted: readonly string[] = ['pay', 'mdt', 'dsp', 'att'];

export interface ShardKeys {
  readonly count: number;
  ofOrder(orderId: string): number;
  ofBuyer(userId: string): number;
  /** Undefined when the id does not say it. */
  ofId(id: string): number | undefined;
}

/** What begins a pin that says since when there are shards: the time as the ids have it. */
const since = 'since:';

export function pinOfTime(atMs: number): string {
  let text = '';
  for (let rest = BigInt(atMs); text.length < charactersOfTime; rest >>= 5n)
    text = `${alphabet[Number(rest & 31n)]}${text}`;
  return `${since}${text}`;
}

export function pinOfBuyer(userId: string): string {
  return `buyer:${userId}`;
}

export function shardKeys(count: number, pins: ReadonlyMap<string, number>): ShardKeys {
  const begun = [...pins.keys()].find((pin) => pin.startsWith(since))?.slice(since.length) ?? '';
  const isBefore = (id: string) => {
    const [, , time = ''] = form.exec(id) ?? [];
    return time !== '' && time < begun;
  };
  return {
    count,
    ofOrder: (orderId) => (isBefore(orderId) ? 0 : shardOf(`order:${orderId}`, count)),
    ofBuyer: (userId) => pins.get(pinOfBuyer(userId)) ?? shardOf(pinOfBuyer(userId), count),
    ofId: (id) => {
      const [, prefix = '', , mark = ''] = form.exec(id) ?? [];
      if (!minted.includes(prefix)) return undefined;
      if (isBefore(id)) return 0;
      const shard = [...mark].reduce((number, character) => number * 32 + alphabet.indexOf(character), 0);
      return shard < count ? shard : undefined;
    },
  };
}

/** A world whose ids say the shard. They sort and are as unlikely to meet as before, with 70 bits of chance. */
export function worldOfShard(world: World, shard: number): World {
  const mark = `${alphabet[shard >> 5]}${alphabet[shard & 31]}`;
  return {
    ...world,
    now: () => world.now(),
    id: (prefix) => {
      const id = world.id(prefix);
      const at = prefix.length + 1 + charactersOfTime;
      return `${id.slice(0, at)}${mark}${id.slice(at + 2)}`;
    },
  };
}
