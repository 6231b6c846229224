import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './sql-embedded.ts';
import { openPostgres } from './sql-postgres.ts';

/** An initdb on a loaded two-core machine. */
const startMsMax = 60_000;
/** Signs that an address has to quote. */
const password = 'p:/@ #%word';

describe.skipIf(os.platform() === 'win32')('the embedded server', () => {
  let root = '';
  let server: EmbeddedPostgres | undefined;
  afterEach(async () => {
    await server?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const start = async (folderName: string, onChange: (change: string) => void = () => {}) => {
    root = mkdtempSync(path.join(os.tmpdir(), 'suuupra-sql-'));
    const folder = path.join(root, folderName);
    server = await startEmbeddedPostgres({ folder, password, onChange, unsafeFast: true });
    return { folder, url: await server.database('own') };
  };

  it('is reached by a socket in its folder, also after it was killed with the socket left behind', {
    timeout: startMsMax,
  }, async () => {
    const back = Promise.withResolvers<void>();
    const { folder, url } = await start('a, "b" %20 ü', (change) => {
      if (change === 'restarted') back.resolve();
    });
    expect(decodeURIComponent(new URL(url).hostname)).toBe(folder);
    const sql = await openPostgres({ url });
    try {
      expect(await sql.query('SELECT inet_client_addr() AS address')).toEqual([{ address: null }]);
      const pid = Number(readFileSync(path.join(folder, 'cluster', 'postmaster.pid'), 'utf8').split('\n')[0]);
      expect(existsSync(path.join(folder, `.s.PGSQL.${new URL(url).port}.lock`))).toBe(true);
      process.kill(pid, 'SIGKILL');
      await back.promise;
      expect(await sql.query('SELECT current_database() AS name')).toEqual([{ name: 'own' }]);
    } finally {
      await sql.close();
    }
  });

  it('is reached by TCP where the name of its folder is too long for a socket', { timeout: startMsMax }, async () => {
    const { url } = await start('x'.repeat(100));
    expect(new URL(url).hostname).toBe('127.0.0.1');
    const sql = await openPostgres({ url });
    expect(await sql.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await sql.close();
  });
});
