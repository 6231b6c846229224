/** What shards of payments and moving them promise on every engine: real databases, a real load, movers that die. */

import { create } from '@bufbuild/protobuf';
import { ListRefundsRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/desk_pb.ts';
import { PaymentStatus } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { TryRiskScoringRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/risk_pb.ts';
import { signWebhook } from '@suuupra/platform/http/webhook-signature';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { openGate } from '@suuupra/platform/shards/gate-sql';
import { CopyDiffers, MoveLost, type MoveStep, moveShard, undoMove } from '@suuupra/platform/shards/move';
import type { SqlDialect } from '@suuupra/platform/sql/sql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listRefunds } from './desk.ts';
import { insertIncrement } from './increments.ts';
import { listProviders, providersOver } from './routings.ts';
import { refundsListed } from './rpc.ts';
import { triedMessage, tryRiskScoring } from './scorings.ts';
import { endCopying } from './shard-copy.ts';
import { openSchool, priceMinor, type School, type ShardedProcess } from './shards-for-test.ts';
import { secrets } from './testing.ts';

class Killed extends Error {}

/** The provider names the raise alone, of a payment of this order. */
async function tellOfRaise(process: ShardedProcess, orderId: string): Promise<void> {
  const id = 'inc_of_a_shard';
  await process.door.ofOrder(orderId, async (at) => {
    const [attempt] = await at.store.viewAttempts(at.sql, orderId, undefined, 1);
    if (attempt === undefined) throw new Error('nothing was paid');
    const raised = { fromMinor: priceMinor, toMinor: priceMinor + 1n };
    await at.sql.transaction((tx) => insertIncrement(at, tx, id, attempt.attempt, raised));
    return attempt;
  });
  const data = { merchantReference: id, status: 'failed', failureCode: 'issuer_declined' };
  const body = Buffer.from(JSON.stringify({ type: 'increment.failed', data }));
  const headers = signWebhook([secrets[0]], 'evt_of_a_raise', Date.now(), body);
  expect(await process.door.receive('sandbox', headers, body)).toEqual({ status: 200 });
}

const paid = String(PaymentStatus.SUCCEEDED);
/** Longer than a mover's lease. */
const lateMs = 60_000;

export function paymentsShardsContract(name: string, dialect: SqlDialect): void {
  describe(`shards of payments on ${name}`, () => {
    let school: School;
    let process: ShardedProcess;
    beforeEach(async () => {
      school = await openSchool(dialect);
      process = await school.startProcess();
    });
    afterEach(() => school.close());

    /** Orders of one shard, one after the other. */
    const orderIn = (shard: number, from: ShardedProcess = process) => {
      for (;;) {
        const id = `ord_${Math.random().toString(36).slice(2, 12)}`;
        if (from.keys.ofOrder(id) === shard) return id;
      }
    };
    const countIn = async (shard: number, place: string, table: string, where = '1 = 1') => {
      const sql = await school.database(shard, place);
      const [row] = await sql.query<{ count: bigint }>(`SELECT count(*) AS count FROM ${table} WHERE ${where}`);
      return Number(row?.count ?? 0);
    };
    const placeOf = async (shard: number) => (await school.directory.find(shard)).place;
    const openPlaces = async (shard: number, places: readonly string[]) => {
      const epochs = await Promise.all(
        places.map(async (place) => (await openGate(await school.database(shard, place))).epoch()),
      );
      return places.filter((_, at) => (epochs[at] ?? 0n) > 0n);
    };

    it('puts each order into its shard, and finds a payment there by its id alone', async () => {
      const orders = [0, 1, 2, 3].map((shard) => orderIn(shard));
      for (const [shard, order] of orders.entries()) {
        const { id, status } = await process.pay(order);
        expect([status, process.keys.ofId(id)]).toEqual([paid, shard]);
        const seen = await process.door.ofId(id, async ({ sql, store }) => store.findAttempt(sql, id));
        expect(seen).toMatchObject({ id, orderId: order });
        expect(await countIn(shard, await placeOf(shard), 'attempts')).toBe(1);
      }
    });

    it('lists refunds over all shards page by page, each once, newest first', async () => {
      const wanted: string[] = [];
      for (let number = 0; number < 11; number += 1) {
        const order = orderIn(number % 4);
        await process.pay(order);
        wanted.unshift(`rfd_list_${number}`);
        expect(await process.refund(`rfd_list_${number}`, order, 100n)).toBe('succeeded');
      }
      const found: string[] = [];
      for (let pageToken = ''; ; ) {
        const request = create(ListRefundsRequestSchema, { pageSize: 3, pageToken });
        const page = await process.door.list('', request, refundsListed, (at) => listRefunds(at, request));
        if (isRefusal(page)) throw new Error(page.detail);
        found.push(...page.refunds.map(({ id }) => id));
        pageToken = page.nextPageToken;
        if (pageToken === '') break;
      }
      expect(found).toEqual(wanted);
    });

    it('says how providers do, and tries a score, over all shards', async () => {
      for (const shard of [0, 1, 2, 3, 3]) await process.pay(orderIn(shard));
      const places = await Promise.all([0, 1, 2, 3].map(placeOf));
      const inAll = async (table: string, where?: string) => {
        const counts = await Promise.all(places.map((place, shard) => countIn(shard, place, table, where)));
        expect(Math.min(...counts)).toBeGreaterThan(0);
        return counts.reduce((sum, count) => sum + count, 0);
      };
      const shards = await process.door.each((at) => listProviders(at));
      if (isRefusal(shards)) throw new Error(shards.detail);
      const rates = providersOver(shards).providers.find(({ name }) => name === 'sandbox')?.rates ?? [];
      const succeeded = rates.reduce((sum, rate) => sum + rate.succeeded, 0);
      expect(succeeded).toBe(await inAll('attempts', "status = 'succeeded'"));
      const draft = create(TryRiskScoringRequestSchema, {});
      const parts = await process.door.each((at) => tryRiskScoring(at, draft));
      if (isRefusal(parts)) throw new Error(parts.detail);
      expect(triedMessage(parts)).toMatchObject({ decisions: await inAll('risk_decisions'), turnedAway: 0 });
    });

    it('brings a webhook to the shard that it is about, by the id it says or by asking', async () => {
      const [told, refunded] = [orderIn(3), orderIn(3)];
      await process.pay(told, 'told', 'tok_duplicate_webhooks');
      await process.pay(refunded, 'refunded', 'tok_refund_fails');
      expect(await process.refund('rfd_unmarked', refunded, 100n)).toBe('pending');
      const sql = await school.database(3, await placeOf(3));
      const kept = async () => {
        const rows = await sql.query<{ body: Buffer }>('SELECT body FROM webhook_inbox');
        return new Set(rows.map(({ body }) => String((JSON.parse(body.toString()) as { type: string }).type)));
      };
      await tellOfRaise(process, told);
      while (!(await kept()).isSupersetOf(new Set(['increment.failed', 'payment.succeeded', 'refund.failed'])))
        await process.sandboxRound();
      for (const shard of [0, 1, 2]) expect(await countIn(shard, await placeOf(shard), 'webhook_inbox')).toBe(0);
    });

    it('moves with all that is in it, and back again with what came since', { timeout: 60_000 }, async () => {
      const orders = Array.from({ length: 8 }, () => orderIn(1));
      for (const order of orders.slice(0, 4)) expect((await process.pay(order)).status).toBe(paid);
      const from = await placeOf(1);
      await school.move(1, 'c');
      for (const order of orders.slice(4)) expect((await process.pay(order)).status).toBe(paid);
      for (const [at, order] of orders.entries())
        expect(await process.refund(`rfd_back_${at}`, order, priceMinor)).toBe('succeeded');
      await school.move(1, from);
      expect(await countIn(1, from, 'attempts', "status = 'succeeded'")).toBe(8);
      expect(await countIn(1, from, 'refunds', "status = 'succeeded'")).toBe(8);
      expect(await process.refund('rfd_more', orders[0] ?? '', 1n)).not.toBe('succeeded');
      expect(await openPlaces(1, [from, 'c'])).toEqual([from]);
    });

    it('loses and doubles nothing while two processes pay and refund', { timeout: 120_000 }, async () => {
      const processes = [process, await school.startProcess()];
      const from = await placeOf(2);
      const done: string[] = [];
      let isOver = false;
      const load = processes.flatMap((each, at) =>
        [0, 1].map(async (lane) => {
          for (let number = 0; !isOver; number += 1) {
            const order = orderIn(2, each);
            expect((await each.pay(order, `key-${at}-${lane}-${number}`)).status).toBe(paid);
            expect(await each.refund(`rfd_${at}_${lane}_${number}`, order, 100n)).toBe('succeeded');
            done.push(order);
          }
        }),
      );
      const more = async (count: number) => {
        const wanted = done.length + count;
        while (done.length < wanted) await Promise.race([...load, new Promise((resolve) => setImmediate(resolve))]);
      };
      await more(10);
      await school.move(2, 'c');
      await more(10);
      await school.move(2, 'a');
      await more(10);
      isOver = true;
      await Promise.all(load);
      expect(new Set([from, 'c', 'a']).size).toBeGreaterThan(1);
      expect(await countIn(2, 'a', 'intents', "status = 'captured'")).toBe(done.length);
      expect(await countIn(2, 'a', 'attempts')).toBe(done.length);
      expect(await countIn(2, 'a', 'refunds', "status = 'succeeded'")).toBe(done.length);
      // One PaymentSucceeded and one RefundSucceeded of each: nothing was relayed here.
      expect(await countIn(2, 'a', 'outbox')).toBe(2 * done.length);
      // At the other company: one payment for each order, whoever asked how often.
      const table = dialect === 'mysql' ? 'sandbox_payments' : 'sandbox.payments';
      const [row] = await school.own.query<{ count: bigint }>(`SELECT count(*) AS count FROM ${table}`);
      expect(Number(row?.count)).toBe(done.length);
    });

    const steps: MoveStep[] = ['register', 'prepare', 'copy', 'compare', 'renew', 'close', 'finish', 'flip', 'open'];
    it.each(steps)(
      'has one owner after a mover that died before it could %s, and goes on',
      { timeout: 60_000 },
      async (step) => {
        const from = await placeOf(1);
        await process.pay(orderIn(1));
        const parts = await school.moveParts(1, 'c');
        const at = async (now: MoveStep) => {
          if (now === step) throw new Killed();
        };
        // What a mover does about a step that fails is none of what a dead one does.
        const dead = { ...school.directory, undo: () => Promise.reject(new Killed()) };
        await expect(moveShard({ ...parts, directory: dead, at })).rejects.toThrow(Killed);
        const late = await school.startProcess(lateMs);
        expect((await late.pay(orderIn(1))).status).toBe(paid);
        const { place, move } = await school.directory.find(1);
        expect(place).toBe(step === 'open' ? 'c' : from);
        expect(await openPlaces(1, step === 'register' ? [from] : [from, 'c'])).toEqual([place]);
        if (place === from) await moveShard({ ...(await school.moveParts(1, 'c')), resume: move !== undefined });
        await endCopying(await school.database(1, from));
        expect((await process.pay(orderIn(1))).status).toBe(paid);
        expect(await countIn(1, 'c', 'attempts', "status = 'succeeded'")).toBe(3);
      },
    );

    it('says which shard is being moved and which notes changes, until its noting is ended', async () => {
      const { place: from } = await school.directory.find(1);
      const said = async () => {
        await process.watch();
        const text = await process.metrics();
        const of = (name: string) =>
          [0, 1].map((shard) => new RegExp(`${name}\\{[^}]*shard="${shard}"[^}]*\\} (\\d)`).exec(text)?.[1]);
        return [of('suuupra_payments_shard_moving'), of('suuupra_payments_shard_noting')];
      };
      const nothing = ['0', '0'];
      const ofOne = ['0', '1'];
      expect(await said()).toEqual([nothing, nothing]);
      const parts = await school.moveParts(1, 'c');
      const at = async (step: MoveStep) => {
        if (step === 'renew') throw new Killed();
      };
      await expect(moveShard({ ...parts, at })).rejects.toThrow(Killed);
      expect(await said()).toEqual([ofOne, ofOne]);
      expect(await undoMove(school.directory, 1, parts.source, from)).toBe(true);
      expect(await said()).toEqual([nothing, ofOne]);
      await endCopying(await school.database(1, from));
      expect(await said()).toEqual([nothing, nothing]);
    });

    it('clears nothing of a shard that was moved to the target before its late mover came to it', async () => {
      const from = await placeOf(1);
      const order = orderIn(1);
      await process.pay(order);
      const late = await school.moveParts(1, 'c');
      const at = async (step: MoveStep) => {
        if (step === 'prepare') await moveShard({ ...(await school.moveParts(1, 'c')), resume: true });
      };
      await expect(moveShard({ ...late, at })).rejects.toThrow(MoveLost);
      expect(await countIn(1, 'c', 'attempts')).toBe(1);
      expect((await process.pay(orderIn(1))).status).toBe(paid);
      expect(await countIn(1, 'c', 'attempts')).toBe(2);
      expect(await openPlaces(1, [from, 'c'])).toEqual(['c']);
    });

    it('stays where it is when somebody else ended the noting of its mover', async () => {
      const from = await placeOf(1);
      await process.pay(orderIn(1));
      const parts = await school.moveParts(1, 'c');
      const at = async (step: MoveStep) => {
        if (step !== 'renew') return;
        await endCopying(await school.database(1, from));
        expect((await process.pay(orderIn(1))).status).toBe(paid);
      };
      await expect(moveShard({ ...parts, at })).rejects.toThrow(CopyDiffers);
      expect(await placeOf(1)).toBe(from);
      expect(await countIn(1, from, 'attempts')).toBe(2);
    });

    it('loses nothing to a mover that was undone and goes on copying elsewhere', async () => {
      const from = await placeOf(1);
      const [slow, other] = [await school.moveParts(1, 'c'), await school.moveParts(1, from === 'a' ? 'b' : 'a')];
      const at = async (step: MoveStep) => {
        if (step !== 'compare') return;
        await undoMove(school.directory, 1, slow.source, from);
        const between = async (next: MoveStep) => {
          if (next !== 'renew') return;
          expect((await process.pay(orderIn(1))).status).toBe(paid);
          // The one that was undone copies what it finds noted, and takes it away as its own.
          await slow.copy.copySome(await slow.target.epoch());
        };
        await moveShard({ ...other, at: between });
      };
      // What is noted for the other it does not see, so that its own copy stays behind.
      await expect(moveShard({ ...slow, at })).rejects.toThrow(CopyDiffers);
      expect(await countIn(1, other.to, 'attempts')).toBe(1);
    });

    it('is undone by the operator before the flip, and its mover changes nothing any more', async () => {
      const from = await placeOf(1);
      const parts = await school.moveParts(1, 'c');
      const at = async (step: MoveStep) => {
        if (step !== 'flip') return;
        expect(await undoMove(school.directory, 1, parts.source)).toBe(true);
        expect((await process.pay(orderIn(1))).status).toBe(paid);
      };
      await expect(moveShard({ ...parts, at })).rejects.toThrow(MoveLost);
      expect(await placeOf(1)).toBe(from);
      expect((await process.pay(orderIn(1))).status).toBe(paid);
    });

    it('stays where it is when the copy was tampered with', async () => {
      const from = await placeOf(1);
      await process.pay(orderIn(1));
      const parts = await school.moveParts(1, 'c');
      const copied = await school.database(1, 'c');
      const at = async (step: MoveStep) => {
        if (step === 'compare') await copied.execute('UPDATE intents SET captured_minor = captured_minor - 1');
      };
      await expect(moveShard({ ...parts, at })).rejects.toThrow(CopyDiffers);
      expect(await placeOf(1)).toBe(from);
      expect((await process.pay(orderIn(1))).status).toBe(paid);
    });

    it('rolls back a transaction that began before the closing, whenever it commits', async () => {
      const order = orderIn(1);
      await process.pay(order);
      const { source } = await school.moveParts(1, 'c');
      const closed = await process.door.ofOrder(order, async ({ sql }) => {
        const work = sql.transaction(async (tx) => {
          await tx.execute('UPDATE intents SET captured_minor = 1');
          const epoch = await source.close();
          await source.open(epoch);
        });
        return work.then(
          () => 'committed',
          (error: Error) => error.name,
        );
      });
      expect(closed).toBe('ShardClosed');
      expect(await countIn(1, await placeOf(1), 'intents', 'captured_minor = 1')).toBe(0);
    });
  });
}
