/** What every adapter of the `keys` port must do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Keys } from './keys.ts';

export interface KeysUnderTest {
  /** The same keyring, as another process or a later start opens it. */
  open(): Promise<Keys>;
  close(): Promise<void>;
}

const hex = (secret: Uint8Array) => Buffer.from(secret).toString('hex');

export function keysContract(name: string, prepare: () => Promise<KeysUnderTest>): void {
  describe(`keys contract: ${name}`, () => {
    let under: KeysUnderTest;
    beforeAll(async () => {
      under = await prepare();
    });
    afterAll(() => under.close());

    it('makes a secret once, keeps it, and makes another for another name', async () => {
      const keys = await under.open();
      const first = await keys.secret('session');
      expect(first.byteLength).toBeGreaterThanOrEqual(32);
      expect(hex(await keys.secret('session'))).toBe(hex(first));
      expect(hex(await keys.secret('webhook'))).not.toBe(hex(first));
      expect(hex(await (await under.open()).secret('session'))).toBe(hex(first));
    });

    it('gives a copy that a caller may overwrite', async () => {
      const keys = await under.open();
      const before = hex(await keys.secret('copied'));
      (await keys.secret('copied')).fill(0);
      expect(hex(await keys.secret('copied'))).toBe(before);
    });

    it('makes one secret of a name when many ask for it first', async () => {
      const rings = await Promise.all([under.open(), under.open(), under.open()]);
      const names = ['a', 'b', 'c', 'd'];
      const ask = async (keys: Keys, name: string) => `${name} ${hex(await keys.secret(name))}`;
      const asked = await Promise.all(rings.flatMap((keys) => [...names, ...names].map((name) => ask(keys, name))));
      expect(new Set(asked).size).toBe(names.length);
      const later = await under.open();
      for (const name of names) expect(asked).toContain(await ask(later, name));
    });

    it('takes only plain names, and none for one that objects have', async () => {
      const keys = await under.open();
      for (const bad of ['', '__proto__', 'Über', 'a b', 'x'.repeat(101)]) {
        await expect(keys.secret(bad)).rejects.toThrow('cannot name a secret');
      }
      expect((await keys.secret('constructor')).byteLength).toBeGreaterThanOrEqual(32);
    });
  });
}
