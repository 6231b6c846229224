/**
 * `npm run test:engines [name …]`: starts the engines that this machine can have and runs on each of them every contract
 * and service that may live there. Says which engines it used and which it could not get. In CI a missing engine is a
 * failure; elsewhere its tests are skipped with that sentence.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Engine, RunningEngine } from './engine.ts';
import { engines } from './engines.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const inCi = process.env['CI'] === 'true';
const named = process.argv.slice(2);
const unknown = named.find((name) => !engines.some((engine) => engine.name === name));
if (unknown !== undefined) {
  console.error(`There is no engine "${unknown}"; there are ${engines.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

const wanted = engines.filter(({ name }) => named.length === 0 || named.includes(name));
for (const engine of wanted) await runOn(engine);

/** One engine after the other, each with those it needs: a small machine does not hold all of them at once. */
async function runOn(engine: Engine): Promise<void> {
  const running: { readonly engine: Engine; readonly server: RunningEngine }[] = [];
  try {
    const together = [engine, ...engines.filter(({ name }) => engine.tests.needs?.includes(name) === true)];
    for (const one of together) {
      const server = await one.start({ mayInstall: inCi, durable: false });
      if (typeof server === 'string') {
        console.log(`${server} ${inCi ? 'CI needs it.' : `The tests on ${engine.name} are skipped.`}`);
        if (inCi) process.exitCode = 1;
        return;
      }
      running.push({ engine: one, server });
    }
    runTests(engine, running);
  } finally {
    for (const { server } of running.reverse()) await server.stop();
  }
}

function runTests(
  engine: Engine,
  running: readonly { readonly engine: Engine; readonly server: RunningEngine }[],
): void {
  for (const { server } of running) console.log(`Contracts run on ${server.name}: ${server.version}.`);
  const report = process.env['VITEST_JSON'];
  const { status } = spawnSync(
    path.join(root, 'node_modules', '.bin', 'vitest'),
    ['run', '--config', 'vitest.engines.config.ts'],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        ...Object.fromEntries(running.map((one) => [one.engine.testSetting, one.server.url])),
        ...engine.tests.env,
        SUUUPRA_TEST_ON: engine.name,
        SUUUPRA_VOLATILE_DATABASE: 'for-tests-only',
        // Each run has its own report: .ci/run adds them up.
        ...(report === undefined ? {} : { VITEST_JSON: report.replace(/\.json$/, `-${engine.name}.json`) }),
      },
    },
  );
  if (status !== 0) process.exitCode = status ?? 1;
}
