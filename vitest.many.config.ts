/** The platform as many processes on real engines: scenarios (test:engines) and the fault run (test:faults). */
import { defineConfig } from 'vitest/config';
import { reporting } from './tools/vitest-reporting.ts';

export default defineConfig({
  test: {
    ...reporting,
    include: ['test/*.engines.test.ts', 'test/faults/*.faults.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
