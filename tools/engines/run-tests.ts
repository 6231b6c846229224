/**
 * `npm run test:engines [name …]`: starts the engines that this machine can have and runs on each of them every contract
 * and service that may live there; then, as `many`, the scenarios on many processes and all of them. Says which engines it used and which it could not get. In CI a missing engine is a
 * failure, but for one that may be absent; elsewhere its tests are skipped with that sentence.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Engine, RunningEngine } from './engine.ts';
import { engines } from './engines.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const inCi = process.env['CI'] === 'true';
const named = process.argv.slice(2);
const names = [...engines.map(({ name }) => name), 'many'];
const unknown = named.find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(`There is no engine "${unknown}"; there are ${names.join(', ')}.`);
  process.exit(2);
}

const wanted = engines.filter(({ name }) => named.length === 0 || named.includes(name));
for (const engine of wanted) await runOn(engine);
if (named.length === 0 || named.includes('many'))
  runVitest('vitest.many.config.ts', 'many', {}, ['test/many.engines.test.ts']);

/** One engine after the other, each with those it needs: a small machine does not hold all of them at once. */
async function runOn(engine: Engine): Promise<void> {
  const running: { readonly engine: Engine; readonly server: RunningEngine }[] = [];
  try {
    const together = [engine, ...engines.filter(({ name }) => engine.tests.needs?.includes(name) === true)];
    for (const one of together) {
      const server = await one.start({ mayInstall: inCi, durable: false });
      if (typeof server === 'string') {
        const isNeeded = inCi && one.mayBeAbsent !== true;
        console.log(`${server} ${isNeeded ? 'CI needs it.' : `The tests on ${engine.name} are skipped.`}`);
        if (isNeeded) process.exitCode = 1;
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
  runVitest('vitest.engines.config.ts', engine.name, {
    ...Object.fromEntries(running.map((one) => [one.engine.testSetting, one.server.url])),
    ...engine.tests.env,
    SUUUPRA_TEST_ON: engine.name,
    SUUUPRA_VOLATILE_DATABASE: 'for-tests-only',
  });
}

/** Each run has its own report: .ci/run adds them up. */
function runVitest(
  config: string,
  name: string,
  settings: Readonly<Record<string, string>>,
  files: readonly string[] = [],
): void {
  const report = process.env['VITEST_JSON'];
  const reporting = report === undefined ? {} : { VITEST_JSON: report.replace(/\.json$/, `-${name}.json`) };
  const { status } = spawnSync(
    path.join(root, 'node_modules', '.bin', 'vitest'),
    ['run', '--config', config, ...files],
    { cwd: root, stdio: 'inherit', env: { ...process.env, ...settings, ...reporting } },
  );
  if (status !== 0) process.exitCode = status ?? 1;
}
