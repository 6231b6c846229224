/** Files that come by themselves: reports of payments' providers and statements of the bank, each once, in order. */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor } from '@suuupra/platform/sql/sql';
import type { Bank, BankStatement } from '../payouts/bank.ts';
import type { Desk } from './desk.ts';
import { isFileFormat } from './file-item.ts';
import { type ArrivingFile, receiveFile } from './files.ts';
import { reportBytes, reportsAfter } from './provider-reports.ts';

const statementsInRound = 20;
/** The providers of the sandbox world are all named so. */
const sandboxPrefix = 'sandbox';

/** True when there may be more. */
export async function pullReports(desk: Desk): Promise<boolean> {
  const origin = 'payments';
  const reports = await reportsAfter(desk.payments, await takenUntil(desk.sql, origin));
  for (const { id, provider, format, fileName } of reports) {
    if (!isFileFormat(format)) {
      desk.log.error('a provider report has a format that is not read', { id, format });
      await takeUntil(desk.sql, origin, id);
      continue;
    }
    await pull(desk, origin, id, {
      ...{ format, source: 'provider', name: fileName, by: provider, simulated: provider.startsWith(sandboxPrefix) },
      body: reportBytes(desk.payments, id),
    });
  }
  return reports.length > 0;
}

export async function pullStatements(
  desk: Desk,
  bank: Pick<Bank, 'name' | 'simulated' | 'statementsAfter'>,
): Promise<boolean> {
  const origin = `bank ${bank.name}`;
  const statements = await bank.statementsAfter(await takenUntil(desk.sql, origin), statementsInRound);
  for (const statement of statements) {
    const file = chosenFile(statement);
    await pull(desk, origin, statement.id, {
      ...{ format: file.format === 'mt940' ? 'mt940' : 'camt053', source: 'bank', name: file.name, by: bank.name },
      ...{ simulated: bank.simulated, body: once(file.content) },
    });
  }
  return statements.length > 0;
}

/** All files of a statement say the same; CAMT.053 has room for whole references. */
function chosenFile(statement: BankStatement): BankStatement['files'][number] {
  const file = statement.files.find(({ format }) => format === 'camt053_08') ?? statement.files[0];
  if (file === undefined) throw new Error(`the bank's statement ${statement.id} has no file`);
  return file;
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

/** That it was taken is written with the file; a file that is refused (already here, too large) is passed by and logged. */
async function pull(desk: Desk, origin: string, id: string, file: Omit<ArrivingFile, 'withIt'>): Promise<void> {
  const received = await receiveFile(desk, { ...file, withIt: (tx) => takeUntil(tx, origin, id) });
  if (!isRefusal(received)) return;
  desk.log.warn('a file that was pulled is not taken', { origin, id, code: received.code });
  await takeUntil(desk.sql, origin, id);
}

async function takenUntil(sql: SqlExecutor, origin: string): Promise<string> {
  const [row] = await sql.query<{ taken_until: string }>('SELECT taken_until FROM settlement_pulls WHERE origin = $1', [
    origin,
  ]);
  return row?.taken_until ?? '';
}

async function takeUntil(executor: SqlExecutor, origin: string, id: string): Promise<void> {
  await executor.execute(
    'INSERT INTO settlement_pulls (origin, taken_until) VALUES ($1, $2) ON CONFLICT (origin) DO UPDATE SET taken_until = $2',
    [origin, id],
  );
}
