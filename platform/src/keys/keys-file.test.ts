import { spawn } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { KeyringError, openKeyring } from './keys-file.ts';

const root = mkdtempSync(path.join(os.tmpdir(), 'suuupra-keys-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let runs = 0;
let file = '';
beforeEach(() => {
  runs += 1;
  file = path.join(root, String(runs), 'keys.json');
});

const hex = (secret: Uint8Array) => Buffer.from(secret).toString('hex');

describe('the keyring', () => {
  it('makes a secret once and keeps it', async () => {
    const keys = await openKeyring(file);
    const first = await keys.secret('session');
    expect(first.byteLength).toBe(32);
    expect(hex(await keys.secret('session'))).toBe(hex(first));
    expect(hex(await keys.secret('webhook'))).not.toBe(hex(first));
    expect(hex(await (await openKeyring(file)).secret('session'))).toBe(hex(first));
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')))).toEqual(['session', 'webhook']);
  });

  it('is its owner’s alone, and leaves nothing beside it', async () => {
    await (await openKeyring(file)).secret('session');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(path.dirname(file))).toEqual(['keys.json']);
  });

  it('gives a copy that a caller may overwrite', async () => {
    const keys = await openKeyring(file);
    const before = hex(await keys.secret('session'));
    (await keys.secret('session')).fill(0);
    expect(hex(await keys.secret('session'))).toBe(before);
  });

  it('makes one secret of a name when many ask for it first', async () => {
    const rings = await Promise.all([openKeyring(file), openKeyring(file), openKeyring(file)]);
    const names = ['a', 'b', 'c', 'd'];
    const asked = rings.flatMap((ring) =>
      [...names, ...names].map(async (name) => `${name} ${hex(await ring.secret(name))}`),
    );
    expect(new Set(await Promise.all(asked)).size).toBe(names.length);
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8'))).sort()).toEqual(names);
  });

  it('makes one secret of a name when processes start together', async () => {
    const module = new URL('./keys-file.ts', import.meta.url).href;
    const program = `
      const { openKeyring } = await import(${JSON.stringify(module)});
      const keys = await openKeyring(${JSON.stringify(file)});
      for (const name of ['a', 'b', 'c']) console.log(name, Buffer.from(await keys.secret(name)).toString('hex'));`;
    const outputs = await Promise.all(
      Array.from({ length: 3 }, () =>
        text(
          spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
            .stdout,
        ),
      ),
    );
    expect(outputs[0]?.trim().split('\n')).toHaveLength(3);
    expect(new Set(outputs).size).toBe(1);
  });

  it('refuses a file that others may read, and says what would do', async () => {
    await (await openKeyring(file)).secret('session');
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(file, mode);
      await expect(openKeyring(file)).rejects.toThrow(`mode 0${mode.toString(8)}); say "chmod 600 ${file}"`);
    }
    chmodSync(file, 0o600);
    await openKeyring(file);
  });

  it('refuses a damaged file instead of beginning a new one', async () => {
    await (await openKeyring(file)).secret('session');
    for (const damaged of ['', '{"session":', '[]', '{"session": "short"}', '{"session": 7}']) {
      writeFileSync(file, damaged);
      await expect(openKeyring(file)).rejects.toThrow(KeyringError);
    }
  });

  it('takes over the lock of a process that was killed', async () => {
    const keys = await openKeyring(file);
    // No process has this number: it is beyond the largest that Linux and macOS give out.
    writeFileSync(`${file}.lock`, '99999999 left-behind');
    utimesSync(`${file}.lock`, new Date(0), new Date(0));
    expect((await keys.secret('session')).byteLength).toBe(32);
    expect(readdirSync(path.dirname(file))).toEqual(['keys.json']);
  });

  it('takes only plain names', async () => {
    const keys = await openKeyring(file);
    for (const name of ['', '__proto__', 'Über', 'a b', 'x'.repeat(101)]) {
      await expect(keys.secret(name)).rejects.toThrow('cannot name a secret');
    }
    expect((await keys.secret('constructor')).byteLength).toBe(32);
  });
});
