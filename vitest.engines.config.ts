import { defineConfig } from 'vitest/config';
import { reporting } from './tools/vitest-reporting.ts';

/** The contracts of the ports and stores, on the servers that tools/engines/run-tests.ts started. */
export default defineConfig({
  test: {
    ...reporting,
    include: [
      'platform/src/sql/sql-postgres.test.ts',
      'platform/src/stream/*.test.ts',
      'platform/src/documents/*.test.ts',
      'services/*/src/store-*.test.ts',
    ],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
