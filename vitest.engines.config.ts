import { defineConfig } from 'vitest/config';
import { reporting } from './tools/vitest-reporting.ts';

/** On every engine: the contracts of the ports and stores. */
const postgres = [
  'platform/src/sql/{sql-postgres,idempotency}.test.ts',
  'platform/src/stream/*.test.ts',
  'platform/src/documents/*.test.ts',
  'services/*/src/store-*.test.ts',
];
/** On MariaDB: its own, and all of the services that may live there. */
const mariadb = [
  'platform/src/sql/{idempotency.test,*.engines.test}.ts',
  'tools/engines/*.engines.test.ts',
  'platform/src/stream/{inbox,outbox}.test.ts',
  'services/{ledger,payments}/src/**/*.test.ts',
];
/** What is PostgreSQL's alone: its adapters, a check that copies databases by its templates, the role of the writer. */
const notOnMariadb = [
  '**/*-postgres*.test.ts',
  'services/ledger/src/{verify,ledger-writer}.test.ts',
  'services/payments/src/provider-*.engines.test.ts',
];

/** Our requests to Stripe, held against Stripe's description of its API. */
const stripeMock = ['services/payments/src/provider-stripe.engines.test.ts'];

const engine = process.env['SUUUPRA_TEST_ENGINE'];
const onMariadb = engine === 'mysql';

/** The contracts of the ports and stores, on the servers that tools/engines/run-tests.ts started. */
export default defineConfig({
  test: {
    ...reporting,
    include: onMariadb ? mariadb : engine === 'stripe-mock' ? stripeMock : postgres,
    exclude: ['**/node_modules/**', ...(onMariadb ? notOnMariadb : [])],
    // A fresh database with all its tables costs MariaDB a good part of a second.
    testTimeout: onMariadb ? 120_000 : 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
