import { expect, it } from 'vitest';
import { sha256Of } from './file-hash.ts';

it('is the hash of FIPS 180-4, zeros kept', async () => {
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(await sha256Of(new Blob(['abc']))).toBe(abc);
  expect(await sha256Of(new Blob(['abc\n']))).not.toBe(abc);
});
