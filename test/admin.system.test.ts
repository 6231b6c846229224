/** The first administrator of a school without demo: the command, as an operator types it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { ensureCertificates } from '@suuupra/platform/certificates/certificate-files';
import { freshDatabaseUrl } from '@suuupra/platform/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../tools/engines/engine.ts';
import { anonymousClient, signIn } from './client.ts';
import { type DataFolder, makeDataFolder, startPlatform } from './platform.ts';

const root = path.dirname(import.meta.dirname);
const program = path.join(root, 'apps', 'make-admin.ts');
const password = 'correct horse battery';

/** What it printed and its code. */
function admin(
  args: readonly string[],
  input: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [program, ...args], {
    ...{ cwd: root, stdio: 'pipe', env: { ...process.env, ...env } },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  child.stdin.end(input);
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

describe('npm run admin', () => {
  let data: DataFolder;
  beforeAll(async () => {
    data = makeDataFolder();
    const platform = await startPlatform({ data, demo: false });
    await platform.end('SIGTERM');
  }, 120_000);
  afterAll(() => data.remove(), 60_000);
  /** Programs start, with a database each time. */
  const timeout = 240_000;

  it('makes one that can sign in, with a password from standard input', { timeout }, async () => {
    const made = await admin(['root@example.org', '--data', data.folder], `${password}\n`);
    expect(made).toEqual({
      code: 0,
      output: 'root@example.org is an administrator and can sign in with the password.\n',
    });
    const platform = await startPlatform({ data, demo: false });
    const person = await signIn(anonymousClient(platform.url), 'root@example.org', password);
    expect(person.user).toMatchObject({ roles: ['learner', 'admin'] });
    await platform.end('SIGTERM');
  });

  it('makes no second one unless told to, and none without a password', { timeout }, async () => {
    const second = await admin(['other@example.org', '--data', data.folder], `${password}\n`);
    expect(second).toMatchObject({ code: 1, output: expect.stringContaining('--another') });
    const silent = await admin(['other@example.org', '--another', '--data', data.folder], '');
    expect(silent).toMatchObject({ code: 1, output: expect.stringContaining('nothing came') });
  });

  it('says what it wants, and makes no data of its own', { timeout }, async () => {
    const typed = await admin(['a@example.org', '--password', 'x'], '');
    expect(typed).toMatchObject({ code: 1, output: expect.stringContaining('npm run admin -- EMAIL') });
    const nowhere = await admin(['a@example.org', '--data', path.join(data.folder, 'nowhere')], '');
    expect(nowhere).toMatchObject({ code: 1, output: expect.stringContaining('no keys.json') });
  });
});

describe('npm run admin, where identity runs as a process of its own', () => {
  it('asks that process, as the operator', { timeout: 240_000 }, async () => {
    const data = makeDataFolder();
    onTestFinished(() => data.remove());
    await ensureCertificates(path.join(data.folder, 'certs'), ['identity', 'operator']);
    const server = new URL(await freshDatabaseUrl('postgres'));
    server.pathname = '/postgres';
    const port = await freePort();
    const settings = { SUUUPRA_POSTGRES_URL: server.href, SUUUPRA_MESH_PORT: String(port) };
    const main = path.join(root, 'apps', 'main.ts');
    const identity = spawn(process.execPath, [main, 'identity', '--data', data.folder], {
      ...{ cwd: root, env: { ...process.env, ...settings }, stdio: ['ignore', 'pipe', 'inherit'] },
    });
    data.entrust(identity.pid ?? 0);
    await until(identity.stdout, /is ready/);
    const reached = { SUUUPRA_ADDRESS_IDENTITY: `127.0.0.1:${port}` };
    const email = `root-${port}@example.org`;
    const made = await admin([email, '--another', '--data', data.folder], `${password}\n`, reached);
    expect(made).toEqual({ code: 0, output: `${email} is an administrator and can sign in with the password.\n` });
    const second = await admin([`other-${port}@example.org`, '--data', data.folder], `${password}\n`, reached);
    expect(second).toMatchObject({ code: 1, output: expect.stringContaining('--another') });
    identity.kill('SIGTERM');
    await once(identity, 'exit');
    const gone = await admin([email, '--data', data.folder], '', reached);
    expect(gone).toMatchObject({ code: 1, output: expect.stringContaining('cannot be reached') });
  });
});

function until(output: Readable, words: RegExp): Promise<void> {
  let text = '';
  return new Promise((resolve, reject) => {
    output.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (words.test(text)) resolve();
    });
    output.once('end', () => reject(new Error(`it ended with ${text}`)));
  });
}
