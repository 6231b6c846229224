/** The tests that start the real program, and those that kill or freeze processes, one file at a time. */
import { defineConfig } from 'vitest/config';
import { reporting } from './tools/vitest-reporting.ts';

export default defineConfig({
  test: {
    ...reporting,
    include: ['test/**/*.system.test.ts', 'services/**/*.kill.test.ts'],
    globalSetup: ['tools/test-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
