/**
 * Global set-up of the tests: one embedded PostgreSQL for the whole run, without fsync (what it holds is thrown away;
 * durability is tested by test/kill.system.test.ts on a server with all its settings). Each test takes a database of
 * its own from it: platform/src/testing.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../platform/src/sql/sql-embedded.ts';

export async function setup(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-test-'));
  const server = await startEmbeddedPostgres({
    folder: path.join(folder, 'postgres'),
    password: 'test',
    unsafeFast: true,
  });
  const url = await server.database('postgres');
  process.env['SUUUPRA_TEST_POSTGRES'] = url;
  // The ledger refuses a database without fsync unless it is told that nothing here is to be kept.
  process.env['SUUUPRA_VOLATILE_DATABASE'] = 'for-tests-only';
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
