/** The operator's command as a process, with the arguments that people give it. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { PaymentStatus } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { type MoveStep, moveShard } from '@suuupra/platform/shards/move';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSchool, type School, type ShardedProcess } from './shards-for-test.ts';

const command = fileURLToPath(new URL('./shards-command.ts', import.meta.url));
const paid = String(PaymentStatus.SUCCEEDED);
const shard = 1;

describe('npm run shards:payments', { timeout: 120_000 }, () => {
  let school: School;
  let process_: ShardedProcess;
  beforeEach(async () => {
    school = await openSchool('postgres');
    process_ = await school.startProcess();
  });
  afterEach(() => school.close());

  async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { count, names, places } = school.settings;
    const settings = {
      SUUUPRA_PAYMENTS_URL: school.url,
      SUUUPRA_PAYMENTS_SHARDS: String(count),
      SUUUPRA_PAYMENTS_SHARD_NAMES: names,
      SUUUPRA_PAYMENTS_PLACES: [...places].map(([place, url]) => `${place}=${url}`).join(','),
    };
    const child = spawn(process.execPath, [command, ...args], {
      env: { ...process.env, ...settings, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const [said, failed] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await ended, said: said.trim(), failed };
  }

  const orderIn = () => {
    for (let number = 0; ; number += 1) if (process_.keys.ofOrder(`ord_${number}`) === shard) return `ord_${number}`;
  };
  const triggersAt = async (place: string) => {
    const sql = await school.database(shard, place);
    const rows = await sql.query("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'shard_note_%'");
    return rows.length;
  };

  it('lists, moves while a payment is there, and verifies', async () => {
    const order = orderIn();
    expect((await process_.pay(order)).status).toBe(paid);
    const { place: from } = await school.directory.find(shard);
    const moved = await run(['move', String(shard), 'c']);
    expect(moved).toMatchObject({ code: 0, failed: '' });
    expect(moved.said).toMatch(/^Shard 1 is on c\. It took nothing for \d+ ms\.$/);
    expect((await run(['list'])).said).toMatch(/^ +1 {2}c +1$/m);
    expect(await process_.refund('rfd_after', order, 100n)).toBe('succeeded');
    expect(await triggersAt(from)).toBe(0);
    const verified = await run(['verify']);
    expect(verified.code).toBe(0);
    expect(verified.said).toMatch(/shard 1 on c: open, 1 orders\n[\s\S]*All 4 shards have their own payments\.$/);
  });

  it('says which orders are of another shard, and ends with 1', async () => {
    const order = orderIn();
    await process_.pay(order);
    const [{ place }, { place: elsewhere }] = [await school.directory.find(shard), await school.directory.find(2)];
    const [row] = await (await school.database(shard, place)).query(
      'SELECT to_jsonb(i)::text AS intent FROM intents i',
    );
    await (await school.database(2, elsewhere)).execute(
      'INSERT INTO intents SELECT * FROM jsonb_populate_record(NULL::intents, $1::jsonb)',
      [String(row?.['intent'])],
    );
    const { code, said } = await run(['verify']);
    expect(code).toBe(1);
    expect(said).toMatch(new RegExp(`shard 2 on .*, 1 OF OTHER SHARDS\n  ${order} is of shard 1\n`));
  });

  it('takes up a move that was cut off, or undoes it and ends its noting, also when nothing is under way', async () => {
    await process_.pay(orderIn());
    const { place: from } = await school.directory.find(shard);
    const cutOff = async () => {
      const at = async (step: MoveStep) => {
        if (step === 'renew') throw new Error('cut off');
      };
      await expect(moveShard({ ...(await school.moveParts(shard, 'c')), at })).rejects.toThrow('cut off');
      expect(await triggersAt(from)).toBeGreaterThan(0);
    };
    await cutOff();
    expect((await run(['list'])).said).toMatch(/^ +1 {2}\w+ +0 {2}moving to c$/m);
    expect(await run(['move', '1', 'c'])).toMatchObject({
      ...{ code: 2, said: 'It could not be done: shard 1 is being moved to c; resume that, or undo it' },
    });
    expect(await run(['undo', '1'])).toMatchObject({ code: 0, said: `Shard 1 stays on ${from}.` });
    expect(await triggersAt(from)).toBe(0);
    await cutOff();
    const { move } = await school.directory.find(shard);
    await school.directory.undo(shard, move?.id ?? '');
    expect(await run(['undo', '1'])).toMatchObject({ code: 2, said: 'Shard 1 is not being moved.' });
    expect(await triggersAt(from)).toBe(0);
    await cutOff();
    expect((await run(['move', '1', 'c', '--resume'])).said).toMatch(/^Shard 1 is on c\./);
    expect(await triggersAt(from)).toBe(0);
  });

  const usage = 'It could not be done: Say list, verify, move SHARD PLACE, or undo SHARD.';
  it('answers bad arguments and settings with a sentence and 2', async () => {
    const cases: [readonly string[], Readonly<Record<string, string>>, string | RegExp][] = [
      [[], {}, usage],
      [['mvoe', '1', 'c'], {}, usage],
      [['move', 'one', 'c'], {}, usage],
      [['move', '1'], {}, usage],
      [['undo', '-1'], {}, /^It could not be done: Unknown option '-1'/],
      [['move', '1', 'nowhere'], {}, 'It could not be done: nowhere is no place; there are home, a, b, c.'],
      [['move', '1', 'home'], {}, 'It could not be done: only shard 0 may be at home, not shard 1'],
      [['move', '9', 'c'], {}, 'It could not be done: there is no shard 9'],
      [['undo', '9'], {}, 'It could not be done: there is no shard 9'],
      [['list', '--all'], {}, /^It could not be done: Unknown option '--all'/],
      [['list'], { SUUUPRA_PAYMENTS_URL: '' }, /Name the database of payments with --url or SUUUPRA_PAYMENTS_URL\.$/],
      [['list'], { SUUUPRA_PAYMENTS_SHARDS: '3' }, /SUUUPRA_PAYMENTS_SHARDS is "3"; it must be a power of two/],
      [
        ['list'],
        { SUUUPRA_PAYMENTS_SHARDS: '', SUUUPRA_PAYMENTS_PLACES: '' },
        /The service payments is not sharded: there is no SUUUPRA_PAYMENTS_SHARDS\.$/,
      ],
    ];
    for (const [args, env, sentence] of cases) {
      const { code, said, failed } = await run(args, env);
      expect([code, failed], args.join(' ')).toEqual([2, '']);
      if (typeof sentence === 'string') expect(said).toBe(sentence);
      else expect(said).toMatch(sentence);
      expect(said.split('\n')).toHaveLength(1);
    }
    const { place } = await school.directory.find(shard);
    const there = await run(['move', '1', place]);
    expect(there).toMatchObject({ code: 2, said: `It could not be done: shard 1 is on ${place} already` });
  });
});
