/**
 * `npm run test:nightly`: what is too long for every change. The simulations and fuzz tests with thousands of seeds, the
 * kill test several times with a seed of its own, the overload for longer. It prints the seeds before it uses them, goes
 * on after a failure, and ends with 1 when anything failed.
 *
 * SUUUPRA_SEEDS and SUUUPRA_SEED set how many seeds and the first; SUUUPRA_NIGHTLY_KILLS how often the kill test is run.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
const seedMax = 2 ** 31;
const seeds = process.env['SUUUPRA_SEEDS'] ?? '3000';
const firstSeed = process.env['SUUUPRA_SEED'] ?? String(randomInt(1, seedMax));
const kills = Number(process.env['SUUUPRA_NIGHTLY_KILLS'] ?? 5);
/** A test that tries thousands of seeds may take as long as this. */
const seededTestMsMax = 3_600_000;
const overloadSeconds = '60';
/** Each round races for one order in four ways; the scenario's own size (docs/money.md, C11). */
const raceRounds = '10000';

interface Run {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Every suite that reads the setting: a new one is found by itself. */
function seededSuites(): readonly string[] {
  const files = ['services', 'platform'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => path.join(folder, file)),
  );
  return files
    .filter((file) => /(?<!\.engines)\.test\.ts$/.test(file) && !file.includes('node_modules'))
    .filter((file) => /SUUUPRA_SEEDS\b/.test(readFileSync(path.join(root, file), 'utf8')));
}

function runs(): readonly Run[] {
  const seeded = ['--testTimeout', String(seededTestMsMax), ...seededSuites()];
  const system = ['--config', 'vitest.system.config.ts'];
  return [
    {
      name: `simulations, SUUUPRA_SEEDS=${seeds} SUUUPRA_SEED=${firstSeed}`,
      args: seeded,
      env: { SUUUPRA_SEEDS: seeds, SUUUPRA_SEED: firstSeed },
    },
    {
      name: `confirmation, webhook and janitor at once, SUUUPRA_SEEDS=${raceRounds}`,
      args: ['--testTimeout', String(seededTestMsMax), 'services/payments/src/races.test.ts', '-t', 'C11'],
      env: { SUUUPRA_SEEDS: raceRounds },
    },
    ...Array.from({ length: kills }, () => {
      const seed = String(randomInt(1, seedMax));
      return {
        name: `kill test, SUUUPRA_KILL_SEED=${seed}`,
        args: [...system, 'test/kill.system.test.ts'],
        env: { SUUUPRA_KILL_SEED: seed },
      };
    }),
    {
      name: `overload, SUUUPRA_OVERLOAD_SECONDS=${overloadSeconds}`,
      args: [...system, 'test/overload.system.test.ts'],
      env: { SUUUPRA_OVERLOAD_SECONDS: overloadSeconds },
    },
  ];
}

const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
const failed: string[] = [];
for (const { name, args, env } of runs()) {
  console.log(`nightly: ${name}`);
  const { status } = spawnSync(process.execPath, [vitest, 'run', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  if (status !== 0) failed.push(name);
}
for (const name of failed) console.log(`nightly: FAILED: ${name}`);
console.log(failed.length === 0 ? 'nightly: all passed' : `nightly: ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
