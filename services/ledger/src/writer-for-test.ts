/**
 * A process that books without pause until it is killed, for crash.test.ts. It prints what it was answered, one line each.
 * Arguments: the database, the beginning of its ids, and where it kills itself: a failpoint's name and at which pass. With
 * SIGSTOP as a fifth it freezes there instead, once.
 */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { realWorld } from '@suuupra/platform/world';
import type { BookOrder } from './command.ts';
import type { CommandResult } from './ledger.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import { postgresLedger } from './store-postgres.ts';

/** What was answered to the command with this number. */
export interface Answered {
  readonly number: number;
  readonly kind: CommandResult['kind'];
  /** Of a journal. */
  readonly sequence: string;
}

const callers = 6;

/** The command of a number: the same one in every process. Some hold, some are refused. */
export function orderOfNumber(ids: string, number: number): BookOrder {
  const common = { cause: `${ids}-${number}`, reference: 'crash', description: '', currency: 'INR' };
  const amount = number % 11 === 10 ? 0n : BigInt(1 + (number % 5));
  const order: BookOrder = {
    ...common,
    type: 'book',
    kind: 'adjustment',
    transfers: [{ debit: '1000', credit: `2200:usr_${number % 40}`, amount }],
  };
  return number % 7 === 6 ? { ...order, hold: { timeoutUs: 0n } } : order;
}

export function answeredOf(number: number, result: CommandResult): Answered {
  const sequence = result.kind === 'posted' || result.kind === 'duplicate' ? String(result.journal.sequence) : '';
  return { number, kind: result.kind, sequence };
}

async function bookUntilKilled(url: string, ids: string, point: string, pass: number, signal: string): Promise<void> {
  let passes = 0;
  const failpoint = async (name: string) => {
    if (name !== point) return;
    passes += 1;
    if (passes === pass) process.kill(process.pid, signal);
  };
  const sql = await openPostgres({ url, connectionsMax: 2 });
  const tell = () => failpoint('before told');
  const writer = createLedgerWriter(postgresLedger(sql, { failpoint }), realWorld(), { failpoint, tell });
  let number = 0;
  const caller = async () => {
    for (;;) {
      const mine = Array.from({ length: 1 + (number % 4) }, (_, index) => number + index);
      number += mine.length;
      const submitted = await writer.submit(mine.map((one) => orderOfNumber(ids, one)));
      if (isRefusal(submitted)) throw new Error(submitted.detail);
      const lines = submitted.results.map((result, index) => JSON.stringify(answeredOf(mine[index] ?? 0, result)));
      process.stdout.write(`${lines.join('\n')}\n`);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

if (import.meta.main) {
  const [url = '', ids = '', point = '', pass = '1', signal = 'SIGKILL'] = process.argv.slice(2);
  await bookUntilKilled(url, ids, point, Number(pass), signal);
}
