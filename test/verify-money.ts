/** The integrity check of all books, as finance runs it: `npm run money:verify`. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import type { DataFolder } from './platform.ts';

const command = path.join(path.dirname(import.meta.dirname), 'apps', 'verify-money.ts');
/** For what is under way while the platform runs. */
const waitSeconds = '30';

export interface Verified {
  readonly code: number;
  readonly output: string;
}

export async function verifyMoney({ folder }: DataFolder, wait = waitSeconds): Promise<Verified> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [command, '--data', folder, '--wait', wait], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 2), output: `${stdout}${stderr}` });
    });
  });
}

/** Throws with all that differs. */
export async function assertMoneyAgrees(data: DataFolder): Promise<void> {
  const { code, output } = await verifyMoney(data);
  assert.equal(code, 0, output);
  assert.match(output, /^All books agree\.$/m, output);
}
