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

export async function verifyMoney({ folder }: Pick<DataFolder, 'folder'>, wait = waitSeconds): Promise<Verified> {
  return await runVerify(['--data', folder, '--wait', wait]);
}

async function runVerify(args: readonly string[]): Promise<Verified> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 2), output: `${stdout}${stderr}` });
    });
  });
}

/** Throws with all that differs. */
export async function assertMoneyAgrees(data: Pick<DataFolder, 'folder'>): Promise<void> {
  assertAgrees(await verifyMoney(data));
}

/** The same of a platform on external servers: everything on PostgreSQL but, where there is one, what MySQL holds. */
export async function assertMoneyAgreesOn(settings: Readonly<Record<string, string>>): Promise<void> {
  const mysql = settings['SUUUPRA_MYSQL_URL'];
  const onMysql = (service: string) => {
    const url = new URL(mysql ?? '');
    url.pathname = `/suuupra_${service}`;
    return [`--${service}`, url.href];
  };
  const elsewhere = mysql === undefined ? [] : ['ledger', 'payments'].flatMap(onMysql);
  const kafka = settings['SUUUPRA_KAFKA_URL'];
  const told = kafka === undefined ? [] : ['--kafka', kafka];
  const url = settings['SUUUPRA_POSTGRES_URL'] ?? '';
  assertAgrees(await runVerify(['--url', url, ...elsewhere, ...told, '--wait', waitSeconds]));
}

function assertAgrees({ code, output }: Verified): void {
  assert.equal(code, 0, output);
  assert.match(output, /^All books agree\.$/m, output);
}
