/**
 * Password hashing: Argon2id behind a bounded queue.
 *
 * One hash costs tens of milliseconds of a core and 19 MiB of memory, on purpose. So that a storm of sign-ins cannot take the
 * process down or starve token checks, only `concurrentMax` run at once, `queueMax` wait, and the rest is refused with a
 * time to come back. Parameters: OWASP Password Storage Cheat Sheet (m = 19 MiB, t = 2, p = 1). The password is first
 * keyed with a pepper from the keyring, so a copy of the database alone cannot be attacked offline.
 */
import { createHmac } from 'node:crypto';
import { type Algorithm, hash, verify } from '@node-rs/argon2';
import { Refusal } from '@suuupra/platform/rpc/rpc';

export interface Passwords {
  hash(password: string): Promise<string | Refusal>;
  /** Takes the same time whether `stored` is a hash or undefined (nobody with that address). */
  matches(stored: string | undefined, password: string): Promise<boolean | Refusal>;
}

const argon2id = 2 satisfies Algorithm;
const parameters = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Half of the usual four threads of libuv: file reads and name look-ups keep theirs. */
const concurrentMax = 2;
/** The last in the queue should wait about a second, not longer. */
const queueMax = 80;

export async function openPasswords(pepper: Uint8Array): Promise<Passwords> {
  const keyed = (password: string) => createHmac('sha256', pepper).update(password.normalize('NFKC')).digest('base64');
  const dummy = await hash(keyed('nobody has this password'), parameters);
  const admit = boundedQueue(concurrentMax, queueMax);
  return {
    hash: (password) => admit(() => hash(keyed(password), parameters)),
    matches: (stored, password) =>
      admit(async () => {
        const matching = await verify(stored ?? dummy, keyed(password));
        return matching && stored !== undefined;
      }),
  };
}

/** Runs at most `running` at once, lets `waiting` wait, refuses the rest. */
export function boundedQueue(running: number, waiting: number): <T>(work: () => Promise<T>) => Promise<T | Refusal> {
  let active = 0;
  const queue: (() => void)[] = [];
  return async (work) => {
    if (active >= running) {
      if (queue.length >= waiting) {
        return new Refusal('busy', 'Too many people are signing in at this moment; try again in a few seconds.', [], 2);
      }
      await new Promise<void>((resolve) => queue.push(resolve));
    } else {
      active += 1;
    }
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next === undefined) active -= 1;
      else next();
    }
  };
}
