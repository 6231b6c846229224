/**
 * The fault run: purchases on many processes and real engines while each part is killed, cut off, slowed down, filled up,
 * led astray by its clock or its certificate. What was acknowledged stays, nothing happens twice, every part comes back by
 * itself, readiness tells the truth meanwhile, and what comes instead of answers is documented and in time.
 *
 * The seed decides who buys what; SUUUPRA_FAULT_SEED repeats one, SUUUPRA_FAULTS names some of the faults.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allReady, defaultInstances } from '../../apps/many.ts';
import { allServices } from '../../apps/services.ts';
import { anonymousClient, eventually, forAll } from '../client.ts';
import {
  assertJournals,
  assertLearning,
  assertPaidOnceOrNot,
  assertReplayed,
  type Outcome,
  outcomesOf,
  unsettled,
} from '../kill/verdict.ts';
import { demoPassword } from '../platform.ts';
import { purchase } from '../scenarios/purchase.ts';
import { setStage } from '../scenarios/stage.ts';
import { assertMoneyAgreesOn } from '../verify-money.ts';
import { type Bed, makeBed } from './bed.ts';
import {
  clockStep,
  crashOf,
  expiryOf,
  type Fault,
  forgettingOf,
  fullDiskOf,
  killOf,
  partitionOf,
  slownessOf,
} from './faults.ts';
import { beginLoad, type Load } from './load.ts';
import { replayAll } from './replay.ts';

const seed = Number(process.env['SUUUPRA_FAULT_SEED'] ?? randomInt(1, 2 ** 31));
const chosen = process.env['SUUUPRA_FAULTS'];
const size = { buyers: 100, courses: 10, pauseMs: 35_000 };
const recoverMsMax = 90_000;
const settleMsMax = 120_000;
const printedShown = 60;
/** So that no gateway is left unasked but by rare chance. */
const askedAtOnce = 8;
/** When a client that repeats as documented gives up. */
const giveUpMs = 30_000;

const bed = await makeBed((line) => console.log(`faults: ${line}`));
if (typeof bed === 'string') console.log(`The fault run is skipped: ${bed}`);

const instancesOf = (service: string) => defaultInstances[service] ?? 1;
const faults: readonly Fault[] = [
  ...[...allServices.map(({ name }) => name), 'gateway'].map((name) => killOf(name, instancesOf(name) === 1)),
  crashOf('kafka', 'stream'),
  crashOf('redis', 'cache'),
  crashOf('mariadb', 'payments'),
  crashOf('postgres', 'orders'),
  crashOf('mongodb', 'content'),
  crashOf('opensearch', 'search'),
  // Who lacks it works on: uploads and anchors wait.
  crashOf('s3'),
  partitionOf('orders and payments'),
  slownessOf('mariadb'),
  slownessOf('redis'),
  slownessOf('mongodb'),
  slownessOf('opensearch'),
  slownessOf('s3'),
  forgettingOf('redis'),
  fullDiskOf(['mariadb', 'kafka'], 'stream'),
  clockStep(),
  expiryOf('ledger'),
];

describe.skipIf(typeof bed === 'string')(`the fault run, SUUUPRA_FAULT_SEED=${seed}`, () => {
  let stage: Bed;
  let load: Load;
  let outcomes: readonly Outcome[] = [];
  const say = (line: string) => console.log(`faults: ${line}`);

  beforeAll(async () => {
    stage = bed as Bed;
    load = await beginLoad(stage.many.url, seed, size);
  }, 300_000);

  afterAll(async () => {
    await stage?.close();
  }, 120_000);

  const played = faults.filter(({ name }) => chosen === undefined || chosen.split(',').includes(name));
  it.each(played.map((fault) => [fault.name, fault] as const))('%s', { timeout: 300_000 }, async (name, fault) => {
    load.assertWhole();
    try {
      await Promise.race([play(name, fault), load.broken]);
    } catch (error) {
      // What a part of the platform said of it is gone with the stage.
      say(`the last that was printed:\n${stage.printed().slice(-printedShown).join('\n')}`);
      throw error;
    }
  });

  async function play(name: string, fault: Fault): Promise<void> {
    const before = load.acknowledged.length;
    load.takeUnanswered();
    await fault.strike(stage, async () => {
      if (fault.down !== undefined) await seenDown(fault.down);
      await delay(1_000);
    });
    const endedMs = Date.now();
    await allReady(stage.many, recoverMsMax);
    await seenReady();
    await purchase(await setStage(stage.many.url, demoPassword));
    const instead = load.takeUnanswered();
    say(
      `${name}: whole again ${((Date.now() - endedMs) / 1_000).toFixed(1)} s after it ended; ` +
        `${load.acknowledged.length - before} answers, instead of answers ${JSON.stringify(Object.fromEntries(instead))}`,
    );
    expect(
      [...instead.keys()].filter((why) => !isDocumented(why)),
      stage
        .printed()
        .filter((line) => /a call failed|a request failed/.test(line))
        .slice(-20)
        .join('\n'),
    ).toEqual([]);
  }

  it('is started again part by part, and nobody notices who repeats as documented', { timeout: 300_000 }, async () => {
    load.takeUnanswered();
    load.takeSlowestMs();
    const before = load.acknowledged.length;
    const rolling = async () => {
      for (const member of stage.many.members) {
        await member.end('SIGTERM');
        await member.start();
      }
    };
    await Promise.race([rolling(), load.broken]);
    await allReady(stage.many, recoverMsMax);
    const slowestMs = load.takeSlowestMs();
    say(
      `rolling restart: ${load.acknowledged.length - before} answers, the slowest after ${(slowestMs / 1_000).toFixed(1)} s with all ` +
        `repetitions, instead of answers ${JSON.stringify(Object.fromEntries(load.takeUnanswered()))}`,
    );
    expect(slowestMs).toBeLessThan(giveUpMs);
  });

  it('goes on by itself until all that was begun has ended', { timeout: 2 * settleMsMax }, async () => {
    const bought = await load.end();
    say(`${bought.length} purchases, ${load.acknowledged.length} answers`);
    expect(bought.length).toBeGreaterThan(size.buyers / 2);
    const told = { bought, finance: load.finance, platform: { url: stage.many.url } };
    await eventually(
      'every payment and refund ends',
      async () => {
        outcomes = await outcomesOf(told);
        return unsettled(outcomes);
      },
      (open) => open.length === 0,
      { withinMs: settleMsMax, everyMs: 500 },
    );
    outcomes = await outcomesOf(told);
  });

  it('has books that all agree, and invoices without a gap', { timeout: 120_000 }, async () => {
    await assertMoneyAgreesOn(stage.engines.settings);
  });

  it('has paid each order exactly once or not at all, with one journal for each payment and refund', () => {
    for (const outcome of outcomes) {
      assertPaidOnceOrNot(outcome);
      assertJournals(outcome);
    }
    expect(outcomes.filter(({ captured }) => captured.length === 1).length).toBeGreaterThan(outcomes.length / 2);
  });

  it('grants access if and only if it is paid and not refunded, and tells so once', { timeout: 120_000 }, async () => {
    const byBuyer = Map.groupBy(outcomes, ({ bought }) => bought.buyer);
    await forAll([...byBuyer], ([buyer, theirs]) => assertLearning(stage.many.url, buyer, theirs));
  });

  it('ends in the same state when a consumer hears everything from the beginning', { timeout: 300_000 }, async () => {
    const replayed = await replayAll(stage);
    for (const { group, events, before, after } of replayed) {
      say(`${group} heard ${events} events again`);
      expect(events, group).toBeGreaterThan(10n);
      expect(after, group).toBe(before);
    }
  });

  it('gives every acknowledged answer again, and nothing changes by that', { timeout: 120_000 }, async () => {
    const keyed = load.acknowledged.filter(({ status }) => status === 201);
    await forAll(keyed, (answer) => assertReplayed(stage.many.url, answer));
  });

  async function seenDown(name: string): Promise<void> {
    await eventually(
      `/readyz names ${name} as down`,
      async () => await readiness(),
      ({ down }) => down.includes(name),
      { withinMs: 20_000, everyMs: 200 },
    );
  }

  /** Several times in a row: each gateway at the shared port answers for what it sees itself. */
  async function seenReady(): Promise<void> {
    const several = async () => {
      const answers = await Promise.all(Array.from({ length: askedAtOnce }, readiness));
      return answers.every(({ status }) => status === 200);
    };
    await eventually('/readyz says ready', several, (isReady) => isReady, { withinMs: recoverMsMax, everyMs: 200 });
  }

  async function readiness(): Promise<{ status: number; down: readonly string[] }> {
    const visitor = anonymousClient(stage.many.url);
    const answer = await visitor
      .call<{ dependencies: { name: string; state: string }[] }>('GET', '//readyz')
      .catch(() => undefined);
    const dependencies = answer?.json.dependencies ?? [];
    return {
      status: answer?.status ?? 0,
      down: dependencies.filter(({ state }) => state !== 'up').map(({ name }) => name),
    };
  }
});

/** What docs/api says a client may get and try again; and the ends of connections to a gateway that was killed. */
const documented = [
  /^503 (unavailable|busy)$/,
  /^504 deadline_exceeded$/,
  /^429 too_many_requests$/,
  /idempotency_in_progress$/,
  /^(ECONNRESET|ECONNREFUSED|UND_ERR_SOCKET|other side closed)/,
];

function isDocumented(why: string): boolean {
  return documented.some((pattern) => pattern.test(why));
}
