/**
 * The kill test: purchases in flight over every token of the sandbox, with coupons and disputes, files uploaded and payouts
 * made meanwhile, the process killed with -9 at random moments and
 * started again on the same data, clients that repeat with the same key until they are answered. In the end every answer
 * that was given is still true, and money, access, journals and events agree.
 *
 * The seed decides who buys what and when the kills come; SUUUPRA_KILL_SEED repeats one, SUUUPRA_KILL_PURCHASES and
 * SUUUPRA_KILL_KILLS make it longer.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, forAll, moved } from './client.ts';
import { assertDesk, unfinishedAtDesk } from './kill/back-office.ts';
import { type Campaign, runCampaign } from './kill/campaign.ts';
import { type Databases, deliveries, ofType, openDatabases, underWay } from './kill/databases.ts';
import { type Plan, planOf } from './kill/plan.ts';
import {
  assertJournals,
  assertLearning,
  assertPaidOnceOrNot,
  assertReceivable,
  assertReplayed,
  type Outcome,
  outcomesOf,
  unsettled,
} from './kill/verdict.ts';
import { type DataFolder, makeDataFolder } from './platform.ts';
import { assertMoneyAgrees } from './verify-money.ts';

const seed = Number(process.env['SUUUPRA_KILL_SEED'] ?? randomInt(1, 2 ** 31));
const size = {
  purchases: Number(process.env['SUUUPRA_KILL_PURCHASES'] ?? 200),
  clients: 20,
  kills: Number(process.env['SUUUPRA_KILL_KILLS'] ?? 5),
};
/** Time for what is under way to end after the last answer: status syncs and retries wait longer each time. */
const settleMsMax = 90_000;
const campaignMsMax = 60_000 + size.purchases * 600 + size.kills * 20_000;

describe(`${size.purchases} purchases and ${size.kills} kills, SUUUPRA_KILL_SEED=${seed}`, () => {
  let data: DataFolder;
  let plan: Plan;
  let campaign: Campaign;
  let databases: Databases;
  let outcomes: readonly Outcome[] = [];

  beforeAll(
    async () => {
      plan = planOf(seed, size);
      data = makeDataFolder();
      const startedMs = performance.now();
      const say = (line: string) => console.log(`kill test: ${line}`);
      campaign = await runCampaign(data, plan, say);
      const workedMs = performance.now();
      databases = await openDatabases(data);
      const settling = { withinMs: settleMsMax, everyMs: 250 };
      await eventually(
        'every payment and refund ends',
        async () => {
          outcomes = await outcomesOf(campaign);
          return unsettled(outcomes);
        },
        isEmpty,
        settling,
      );
      const finance = moved(campaign.finance, campaign.platform.url);
      await eventually(
        'every payout and file ends',
        () => unfinishedAtDesk(finance, campaign.backOffice),
        isEmpty,
        settling,
      );
      await eventually('every event arrives', () => underWay(databases), isEmpty, settling);
      outcomes = await outcomesOf(campaign);
      const seconds = (fromMs: number, toMs: number) => ((toMs - fromMs) / 1_000).toFixed(1);
      say(
        `${campaign.acknowledged.length} answers in ${seconds(startedMs, workedMs)} s, settled after ${seconds(workedMs, performance.now())} s`,
      );
      say(
        `trial balance in balance ${campaign.balanceChecks} times; instead of answers: ${JSON.stringify(Object.fromEntries(campaign.unanswered))}`,
      );
    },
    campaignMsMax + 2 * settleMsMax,
  );

  afterAll(async () => {
    await databases?.close();
    await data?.remove();
  }, 60_000);

  it('has killed the process as planned, in every planned way', () => {
    expect(campaign.kills.map(({ kind }) => kind)).toEqual(plan.kills.map(({ kind }) => kind));
    expect(campaign.kills.length).toBe(size.kills);
    expect(outcomes.length).toBe(size.purchases);
  });

  it('has never answered "internal" or a stack trace instead of an answer', () => {
    const internal = [...campaign.unanswered.keys()].filter((why) => why.startsWith('500'));
    expect(internal, campaign.errorsLogged.join('\n')).toEqual([]);
  });

  it('has paid each order exactly once or not at all', () => {
    for (const outcome of outcomes) assertPaidOnceOrNot(outcome);
    expect(outcomes.filter(({ captured }) => captured.length === 1).length).toBeGreaterThan(size.purchases / 2);
    expect(outcomes.filter(({ refunds }) => refunds.length > 0).length).toBeGreaterThan(size.purchases / 5);
  });

  it('has exactly one journal for each payment and each refund', async () => {
    for (const outcome of outcomes) assertJournals(outcome);
    await assertReceivable(moved(campaign.finance, campaign.platform.url), outcomes);
  });

  it('grants access if and only if it is paid and not refunded, and tells so once', async () => {
    const byBuyer = Map.groupBy(outcomes, ({ bought }) => bought.buyer);
    await forAll([...byBuyer], ([buyer, theirs]) => assertLearning(campaign.platform.url, buyer, theirs));
  });

  it('has lost no event and applied none twice', async () => {
    const { missing, invented, applied } = await deliveries(databases);
    expect(missing).toEqual([]);
    expect(invented).toEqual([]);
    expect(applied).toBeGreaterThan(size.purchases * 3);
    expect(await databases.query('stream', 'SELECT * FROM stream_dead_letters')).toEqual([]);
    const log = await databases.log();
    expect(new Set(log.map(({ id }) => id)).size).toBe(log.length);
    const ids = (list: readonly string[]) => [...list].sort();
    const captured = outcomes.flatMap((outcome) => outcome.captured.map(({ id }) => id));
    const refunds = outcomes.flatMap((outcome) => outcome.refunds.map(({ id }) => id));
    expect(ids(ofType(log, PaymentSucceededSchema).map(({ paymentId }) => paymentId))).toEqual(ids(captured));
    expect(ids(ofType(log, OrderPaidSchema).map(({ paymentId }) => paymentId))).toEqual(ids(captured));
    expect(ids(ofType(log, OrderRefundedSchema).map(({ refundId }) => refundId))).toEqual(ids(refunds));
  });

  it('has settled, paid out and read files meanwhile, each once', async () => {
    const { backOffice, finance, platform } = campaign;
    console.log(
      `kill test: ${backOffice.runs.length} settlement runs, ${backOffice.approvedBatches.length} payout batches, ${backOffice.files.length} files`,
    );
    await assertDesk(platform.url, finance, backOffice);
    expect(backOffice.runs.length).toBeGreaterThan(0);
    expect(backOffice.approvedBatches.length).toBeGreaterThan(0);
    expect(backOffice.files.length).toBeGreaterThan(0);
  });

  it('has books that all agree, and invoices without a gap', async () => {
    await assertMoneyAgrees(data);
  });

  it('leaves no key without an answer', async () => {
    for (const service of databases.services) {
      const open = await databases.query(service, 'SELECT method, key FROM idempotency_keys WHERE response IS NULL');
      expect(open, service).toEqual([]);
    }
  });

  it('gives every acknowledged answer again, and nothing changes by that', async () => {
    const keyed = campaign.acknowledged.filter(({ status }) => status === 201);
    expect(keyed.length).toBeGreaterThan(size.purchases * 2);
    await forAll(keyed, (answer) => assertReplayed(campaign.platform.url, answer));
    await eventually('every event arrives', () => underWay(databases), isEmpty);
    const after = await outcomesOf(campaign);
    assert.deepEqual(after, outcomes);
  });
}, 120_000);

function isEmpty(list: readonly unknown[]): boolean {
  return list.length === 0;
}
