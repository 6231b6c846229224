/**
 * The fault run: purchases on many processes and real engines while each part is killed, cut off, slowed down, filled up,
 * led astray by its clock or its certificate. What was acknowledged stays, nothing happens twice, every part comes back by
 * itself, readiness tells the truth meanwhile, and what comes instead of answers is documented and in time.
 *
 * The seed decides who buys what; SUUUPRA_FAULT_SEED repeats one, SUUUPRA_FAULTS names some of the faults.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
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
import { clockStep, crashOf, expiryOf, type Fault, fullDiskOf, killOf, partitionOf, slownessOf } from './faults.ts';
import { beginLoad, type Load } from './load.ts';
import { openStretch, type Stretch } from './network.ts';
import { openStage, type Stage } from './stage.ts';

const seed = Number(process.env['SUUUPRA_FAULT_SEED'] ?? randomInt(1, 2 ** 31));
const chosen = process.env['SUUUPRA_FAULTS'];
const size = { buyers: 100, courses: 10, pauseMs: 35_000 };
const engineNames = ['postgres', 'mariadb', 'kafka', 'redis'];
/** Small, so that it is soon full; large enough for the data of a run. */
const diskMebibytes = 900;
const recoverMsMax = 90_000;
const settleMsMax = 120_000;
const clockLibrary = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

/** Beside the data of the engines: the small disk, the clock. */
const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-faults-'));
// Engines run under an account of their own and must get to their folders.
chmodSync(folder, 0o755);
const disk = path.join(folder, 'disk');
const clockFile = path.join(folder, 'clock');
const betweenOrdersAndPayments: Stretch[] = [];

const instancesOf = (service: string) => defaultInstances[service] ?? 1;
const faults: readonly Fault[] = [
  ...[...allServices.map(({ name }) => name), 'gateway'].map((name) => killOf(name, instancesOf(name) === 1)),
  crashOf('kafka', 'stream'),
  crashOf('redis'),
  crashOf('mariadb', 'payments'),
  crashOf('postgres', 'orders'),
  partitionOf('orders and payments', () => betweenOrdersAndPayments),
  slownessOf('mariadb'),
  slownessOf('redis'),
  fullDiskOf('mariadb', disk),
  clockStep(clockFile),
  expiryOf('ledger'),
];

describe(`the fault run, SUUUPRA_FAULT_SEED=${seed}`, () => {
  let stage: Stage;
  let load: Load;
  let outcomes: readonly Outcome[] = [];
  const say = (line: string) => console.log(`faults: ${line}`);

  beforeAll(async () => {
    prepare();
    for (let index = 0; index < instancesOf('payments'); index += 1) {
      betweenOrdersAndPayments.push(await openStretch(() => paymentsAt(stageAddresses, index)));
    }
    stage = await openStage({
      engines: engineNames,
      behindStretch: ['mariadb', 'redis'],
      folderOf: (engine) => (engine === 'mariadb' ? path.join(disk, 'mariadb') : undefined),
      settingsOf: (service, index, addresses) => {
        stageAddresses = addresses;
        return {
          ...(service === 'orders'
            ? { SUUUPRA_ADDRESS_PAYMENTS: betweenOrdersAndPayments.map(addressOf).join(',') }
            : {}),
          ...(index === 2 && ['orders', 'payments'].includes(service) ? ownClock : {}),
        };
      },
      say,
    });
    load = await beginLoad(stage.many.url, seed, size);
  }, 600_000);

  afterAll(async () => {
    await stage?.close();
    for (const stretch of betweenOrdersAndPayments) await stretch.close();
    spawnSync('umount', [disk]);
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  const played = faults.filter(({ name }) => chosen === undefined || chosen.split(',').includes(name));
  it.each(played.map((fault) => [fault.name, fault] as const))('%s', { timeout: 300_000 }, async (name, fault) => {
    await Promise.race([play(name, fault), load.broken]);
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
      stage.printed().slice(-40).join('\n'),
    ).toEqual([]);
  }

  it('goes on by itself until all that was begun has ended', { timeout: 2 * settleMsMax }, async () => {
    const bought = await load.end();
    say(`${bought.length} purchases, ${load.acknowledged.length} answers`);
    expect(bought.length).toBeGreaterThan(size.buyers);
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

  it('gives every acknowledged answer again, and nothing changes by that', { timeout: 120_000 }, async () => {
    const keyed = load.acknowledged.filter(({ status }) => status === 201);
    await forAll(keyed, (answer) => assertReplayed(stage.many.url, answer));
  });

  async function seenDown(name: string): Promise<void> {
    await eventually(
      `/readyz names ${name} as down`,
      async () => await readiness(),
      ({ status, down }) => status !== 200 && down.includes(name),
      { withinMs: 20_000, everyMs: 200 },
    );
  }

  async function seenReady(): Promise<void> {
    await eventually('/readyz says ready', readiness, ({ status }) => status === 200, {
      withinMs: recoverMsMax,
      everyMs: 200,
    });
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

let stageAddresses: Readonly<Record<string, string>> = {};
const ownClock = {
  LD_PRELOAD: clockLibrary,
  FAKETIME_TIMESTAMP_FILE: clockFile,
  FAKETIME_NO_CACHE: '1',
  DONT_FAKE_MONOTONIC: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
};

function prepare(): void {
  writeFileSync(clockFile, '+0');
  spawnSync('mkdir', ['-p', disk]);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMebibytes}m`, 'tmpfs', disk], {
    encoding: 'utf8',
  });
  assert.equal(mounted.status, 0, `the small disk: ${mounted.stderr}; only root may mount`);
  if (existsSync(clockLibrary)) return;
  spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'faketime']);
  assert(existsSync(clockLibrary), "the clock: Debian's package faketime is not installed");
}

function paymentsAt(addresses: Readonly<Record<string, string>>, index: number): { host: string; port: number } {
  const address = addresses['SUUUPRA_ADDRESS_PAYMENTS']?.split(',')[index] ?? '';
  const [host = '', port = ''] = address.split(':');
  return { host, port: Number(port) };
}

const addressOf = ({ host, port }: Stretch) => `${host}:${port}`;

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
