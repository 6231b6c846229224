import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { keysContract } from './keys.contract.ts';
import { KeyringError, openKeyring } from './keys-file.ts';

const root = mkdtempSync(path.join(os.tmpdir(), 'suuupra-keys-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let runs = 0;
let file = '';
beforeEach(() => {
  runs += 1;
  file = path.join(root, String(runs), 'keys.json');
});

keysContract('in a file', async () => {
  const shared = path.join(root, 'contract', 'keys.json');
  return { open: () => openKeyring(shared), close: async () => {} };
});

describe('the keyring', () => {
  it('is its owner’s alone, and leaves nothing beside it', async () => {
    await (await openKeyring(file)).secret('session');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(path.dirname(file))).toEqual(['keys.json']);
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
});
