/** `node deploy/compose/make-env.ts`: writes .env beside engines.yaml, once, for its owner alone. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { newEnvironment } from './env.ts';

const file = path.join(import.meta.dirname, '.env');
try {
  writeFileSync(file, newEnvironment(), { mode: 0o600, flag: 'wx' });
  console.log(`Written: ${file}`);
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  console.error(`${file} is there already, and the engines' data are under its passwords; it stays as it is.`);
  process.exitCode = 1;
}
