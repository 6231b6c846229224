/**
 * `npm run test:engines`: starts the engines that this machine can have and runs on each of them every contract and service
 * that may live there. Says which engines it used and which it could not get. In CI a missing engine is a failure; elsewhere
 * its tests are skipped with that sentence.
 *
 * A new engine is a row of `engines`: how it starts, and what its tests are told (vitest.engines.config.ts says which run).
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { RunningEngine } from './engine.ts';
import { startMariadb } from './mariadb.ts';
import { startPostgres } from './postgres.ts';
import { startStripeMock } from './stripe-mock.ts';

interface Engine {
  readonly name: string;
  /** A running server, or a sentence that says why there is none. */
  start(mayInstall: boolean): Promise<RunningEngine | string>;
  /** Where tests find the server. */
  readonly urlSetting: string;
  /** What else its own run is told. */
  readonly settings: Readonly<Record<string, string>>;
}

const engines: readonly Engine[] = [
  { name: 'postgres', start: startPostgres, urlSetting: 'SUUUPRA_TEST_POSTGRES', settings: {} },
  {
    name: 'mariadb',
    start: (mayInstall) => startMariadb({ mayInstall }),
    urlSetting: 'SUUUPRA_TEST_MARIADB',
    settings: { SUUUPRA_TEST_ENGINE: 'mysql' },
  },
  {
    name: 'stripe-mock',
    start: startStripeMock,
    urlSetting: 'SUUUPRA_TEST_STRIPE_MOCK',
    settings: { SUUUPRA_TEST_ENGINE: 'stripe-mock' },
  },
];

const root = path.dirname(path.dirname(import.meta.dirname));
const inCi = process.env['CI'] === 'true';
const only = process.argv[2];
const running: { readonly engine: Engine; readonly server: RunningEngine }[] = [];
try {
  for (const engine of engines) {
    const server = await engine.start(inCi);
    if (typeof server !== 'string') {
      running.push({ engine, server });
      continue;
    }
    console.log(`${server} ${inCi ? 'CI needs it.' : 'Its tests are skipped.'}`);
    if (inCi) process.exitCode = 1;
  }
  for (const one of running) if (only === undefined || only === one.engine.name) runOn(one.engine, one.server);
} finally {
  for (const { server } of running) await server.stop();
}

/** All servers are known to each run: on MariaDB the stream, and what else is PostgreSQL's alone, stays there. */
function runOn(engine: Engine, server: RunningEngine): void {
  console.log(`Contracts run on ${server.name}: ${server.version}.`);
  const report = process.env['VITEST_JSON'];
  const urls = Object.fromEntries(running.map((one) => [one.engine.urlSetting, one.server.url]));
  const { status } = spawnSync(
    path.join(root, 'node_modules', '.bin', 'vitest'),
    ['run', '--config', 'vitest.engines.config.ts'],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        ...urls,
        ...engine.settings,
        SUUUPRA_VOLATILE_DATABASE: 'for-tests-only',
        // Each run has its own report: .ci/run adds them up.
        ...(report === undefined ? {} : { VITEST_JSON: report.replace(/\.json$/, `-${engine.name}.json`) }),
      },
    },
  );
  if (status !== 0) process.exitCode = status ?? 1;
}
