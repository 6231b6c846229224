/**
 * `npm run test:engines`: starts the engines that this machine can have and runs on them every contract they join. Says
 * which engines it used and which it could not get. In CI a missing engine is a failure; elsewhere its tests are skipped
 * with that sentence.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { startPostgres } from './postgres.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const inCi = process.env['CI'] === 'true';
const postgres = await startPostgres(inCi);
if (typeof postgres === 'string') {
  console.log(`${postgres} ${inCi ? 'CI needs it.' : 'Its tests are skipped.'}`);
  process.exit(inCi ? 1 : 0);
}
console.log(`Contracts run on ${postgres.version}, installed on this machine.`);
try {
  const { status } = spawnSync(
    path.join(root, 'node_modules', '.bin', 'vitest'),
    ['run', '--config', 'vitest.engines.config.ts'],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, SUUUPRA_TEST_POSTGRES: postgres.url },
    },
  );
  process.exitCode = status ?? 1;
} finally {
  await postgres.stop();
}
