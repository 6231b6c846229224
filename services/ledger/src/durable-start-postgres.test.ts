/** The ledger does not start on a database that answers before the disk has it, unless a test says that nothing is kept (M8). */
import { startServiceForTest } from '@suuupra/platform/testing-service';
import { afterEach, expect, it } from 'vitest';
import { ledger } from './service.ts';

const setting = 'SUUUPRA_VOLATILE_DATABASE';
const given = process.env[setting];
afterEach(() => {
  process.env[setting] = given;
});

it('M8: a server without fsync stops the start with a sentence', async () => {
  // The server of the tests has none.
  process.env[setting] = 'yes';
  await expect(startServiceForTest(ledger, { others: {}, quiet: true })).rejects.toThrow(
    /PostgreSQL has .* the ledger starts on a database that keeps what it acknowledges/,
  );
});
