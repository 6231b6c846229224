/** The mover as a process of its own, killed by SIGKILL before each of its steps, while two others pay and refund on the shard. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PaymentStatus } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { openGate } from '@suuupra/platform/shards/gate-sql';
import { type MoveStep, moveShard } from '@suuupra/platform/shards/move';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endCopying } from './shard-copy.ts';
import { openSchool, type School, type ShardedProcess } from './shards-for-test.ts';

const mover = fileURLToPath(new URL('./mover-for-test.ts', import.meta.url));
const steps: (MoveStep | 'tidy')[] = [
  ...(['register', 'prepare', 'copy', 'compare', 'renew', 'close', 'finish', 'flip', 'open', 'tidy'] as const),
];
const shard = 1;
const paid = String(PaymentStatus.SUCCEEDED);
/** A process that believes that so much time has passed finds the lease of the dead mover over. */
const lateMs = 60_000;
const lanes = 2;

/** Told that the shard is being moved, a caller sends the same again. */
async function until(wanted: string, call: () => Promise<string>): Promise<void> {
  let answer = await call();
  while (answer === 'unavailable') answer = await call();
  expect(answer).toBe(wanted);
}

describe('a mover of payments that is killed', () => {
  let school: School;
  let processes: ShardedProcess[];
  beforeEach(async () => {
    school = await openSchool('postgres');
    processes = [await school.startProcess(), await school.startProcess()];
  });
  afterEach(() => school.close());

  function orderOf(process: ShardedProcess, name: string): string {
    for (let number = 0; ; number += 1)
      if (process.keys.ofOrder(`ord_${name}_${number}`) === shard) return `ord_${name}_${number}`;
  }

  /** Callers who pay an order and refund something of it, one after the other. */
  function keepPaying() {
    const done: string[] = [];
    let isOver = false;
    const load = processes.flatMap((process, at) =>
      Array.from({ length: lanes }, async (_, lane) => {
        for (let number = 0; !isOver; number += 1) {
          const name = `${at}_${lane}_${number}`;
          const order = orderOf(process, name);
          await until(paid, async () => (await process.pay(order, `key-${name}`)).status);
          await until('succeeded', () => process.refund(`rfd_${name}`, order, 100n));
          done.push(order);
        }
      }),
    );
    const more = async (count: number) => {
      const wanted = done.length + count;
      while (done.length < wanted) await Promise.race([...load, new Promise((resolve) => setImmediate(resolve))]);
    };
    const stop = async () => {
      isOver = true;
      await Promise.all(load);
    };
    return { done, more, stop };
  }

  async function countIn(place: string, table: string, where = '1 = 1'): Promise<number> {
    const sql = await school.database(shard, place);
    const [row] = await sql.query<{ count: bigint }>(`SELECT count(*) AS count FROM ${table} WHERE ${where}`);
    return Number(row?.count ?? 0);
  }

  it.each(steps)(
    'before it could %s loses and doubles nothing that was acknowledged meanwhile',
    { timeout: 120_000 },
    async (step) => {
      const { place: from } = await school.directory.find(shard);
      const { done, more, stop } = keepPaying();
      await more(4);
      const { count, names, places } = school.settings;
      const args = [school.url, places.get('a') ?? '', names, String(count), String(shard), 'c', step];
      const dying = spawn(process.execPath, [mover, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
      const [, signal] = (await once(dying, 'exit')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
      // Whatever it left, the shard is taken on by those who need it.
      const late = await school.startProcess(lateMs);
      expect((await late.pay(orderOf(late, 'late'))).status).toBe(paid);
      await more(4);
      const { place, move } = await school.directory.find(shard);
      expect(place).toBe(step === 'open' || step === 'tidy' ? 'c' : from);
      if (place === from) await moveShard({ ...(await school.moveParts(shard, 'c')), resume: move !== undefined });
      await endCopying(await school.database(shard, from));
      await more(4);
      await stop();
      expect(await countIn('c', 'attempts')).toBe(done.length + 1);
      expect(await countIn('c', 'intents', "status = 'captured'")).toBe(done.length + 1);
      expect(await countIn('c', 'refunds', "status = 'succeeded'")).toBe(done.length);
      // One PaymentSucceeded and one RefundSucceeded of each: nothing was relayed here.
      expect(await countIn('c', 'outbox')).toBe(2 * done.length + 1);
      const [row] = await school.own.query<{ count: bigint }>('SELECT count(*) AS count FROM sandbox.payments');
      expect(Number(row?.count)).toBe(done.length + 1);
      expect(await countIn(from, 'pg_trigger', "tgname LIKE 'shard_note_%'")).toBe(0);
      const gates = await Promise.all(
        [from, 'c'].map(async (each) => (await openGate(await school.database(shard, each))).epoch()),
      );
      expect(gates.map((epoch) => epoch > 0n)).toEqual([false, true]);
    },
  );
});
