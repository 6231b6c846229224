/**
 * Time, identity and chance as a value, so that a test or a simulation can hold them still.
 */
import { randomBytes } from 'node:crypto';

export interface World {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * A new id: `<prefix>_` and 26 characters of Crockford base 32, of which the first 10 are the time (as in a ULID),
   * so ids sort by creation to the millisecond and pack well into B-trees. Not a secret.
   */
  id(prefix: string): string;
  /** Unguessable bytes from the operating system. */
  secret(bytes: number): Uint8Array;
  /** A number in [0, 1), for jitter only. */
  random(): number;
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

function base32(value: bigint, characters: number): string {
  let rest = value;
  let text = '';
  for (let i = 0; i < characters; i += 1) {
    text = alphabet[Number(rest & 31n)] + text;
    rest >>= 5n;
  }
  return text;
}

export function realWorld(): World {
  return {
    now: () => Date.now(),
    id: (prefix) =>
      `${prefix}_${base32(BigInt(Date.now()), 10)}${base32(BigInt(`0x${randomBytes(10).toString('hex')}`), 16)}`,
    secret: (bytes) => randomBytes(bytes),
    random: () => Math.random(),
  };
}

/** A world that repeats itself: the clock moves only when told, ids count up, chance follows the seed. */
export interface TestWorld extends World {
  advance(ms: number): void;
}

export function testWorld(startMs = Date.UTC(2026, 0, 1), seed = 1): TestWorld {
  let clockMs = startMs;
  let counter = 0n;
  let state = seed >>> 0;
  const next = () => {
    // mulberry32, public domain: enough for jitter in a test.
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    now: () => clockMs,
    id: (prefix) => {
      counter += 1n;
      return `${prefix}_${base32(BigInt(clockMs), 10)}${base32(counter, 16)}`;
    },
    secret: (bytes) => Uint8Array.from({ length: bytes }, () => Math.floor(next() * 256)),
    random: next,
    advance: (ms) => {
      clockMs += ms;
    },
  };
}
