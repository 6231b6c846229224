import { defineConfig } from 'vitest/config';
import { reporting } from './tools/vitest-reporting.ts';

/** Journeys in a real browser, against the real platform. One at a time: each starts a platform of its own. */
export default defineConfig({
  test: {
    ...reporting,
    include: ['web/e2e/**/*.web.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
