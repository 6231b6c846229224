import { defineConfig } from 'vitest/config';
import { engines } from './tools/engines/engines.ts';
import { reporting } from './tools/vitest-reporting.ts';

/** The contracts of the ports and stores, on the servers that tools/engines/run-tests.ts started. */
const name = process.env['SUUUPRA_TEST_ON'] ?? 'postgres';
const tests = engines.find((engine) => engine.name === name)?.tests;
if (tests === undefined) throw new Error(`SUUUPRA_TEST_ON is "${name}"; run "npm run test:engines", which sets it.`);

export default defineConfig({
  test: {
    ...reporting,
    include: [...tests.include],
    exclude: ['**/node_modules/**', ...(tests.exclude ?? [])],
    testTimeout: tests.testMsMax ?? 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
