import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { describe, expect, it } from 'vitest';
import { boundedQueue, openPasswords } from './passwords.ts';

describe('passwords', () => {
  it('match only what was hashed, under the same pepper', async () => {
    const passwords = await openPasswords(new Uint8Array(32).fill(1));
    const others = await openPasswords(new Uint8Array(32).fill(2));
    const stored = await passwords.hash('correct horse');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    if (isRefusal(stored)) throw new Error('busy');
    expect(await passwords.matches(stored, 'correct horse')).toBe(true);
    expect(await passwords.matches(stored, 'correct horsf')).toBe(false);
    expect(await passwords.matches(undefined, 'nobody has this password')).toBe(false);
    expect(await others.matches(stored, 'correct horse')).toBe(false);
  });

  it('are the same however the keyboard composes an accent', async () => {
    const passwords = await openPasswords(new Uint8Array(32));
    const stored = await passwords.hash('cafe\u0301 au lait');
    expect(await passwords.matches(isRefusal(stored) ? '' : stored, 'caf\u00e9 au lait')).toBe(true);
  });
});

describe('a bounded queue', () => {
  it('runs two, lets three wait, refuses the sixth with a time to come back, and serves again afterwards', async () => {
    const admit = boundedQueue(2, 3);
    const finish: (() => void)[] = [];
    let running = 0;
    let mostRunning = 0;
    const work = async () => {
      running += 1;
      mostRunning = Math.max(mostRunning, running);
      await new Promise<void>((resolve) => finish.push(resolve));
      running -= 1;
      return 'done';
    };
    const five = [1, 2, 3, 4, 5].map(() => admit(work));
    const sixth = await admit(work);
    expect(isRefusal(sixth) && [sixth.code, sixth.retryAfterSeconds]).toEqual(['busy', 2]);
    const drained = Promise.all(five);
    const pump = setInterval(() => finish.shift()?.(), 1);
    expect(await drained).toEqual(['done', 'done', 'done', 'done', 'done']);
    clearInterval(pump);
    expect(mostRunning).toBe(2);
    expect(await admit(async () => 'again')).toBe('again');
  });

  it('gives a place back when the work throws', async () => {
    const admit = boundedQueue(1, 0);
    const failing: Promise<string | Refusal> = admit(() => Promise.reject(new Error('broken')));
    await expect(failing).rejects.toThrow('broken');
    expect(await admit(async () => 'free')).toBe('free');
  });
});
