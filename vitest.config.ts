import { defineConfig } from 'vitest/config';
import { reporting } from './tools/vitest-reporting.ts';

export default defineConfig({
  test: {
    ...reporting,
    include: ['**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      '**/*.engines.test.ts',
      '**/*.web.test.ts',
      '**/*.faults.test.ts',
      '**/*.kill.test.ts',
      'test/{admin,card-data,hostile,kill,money,overload,scenarios-shards,start}.system.test.ts',
      '**/dist/**',
    ],
    globalSetup: ['tools/test-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
