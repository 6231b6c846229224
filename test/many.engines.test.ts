/** The scenarios on many processes, on the engines that the design names. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { platformEngines } from '../tools/engines/raise.ts';
import { anonymousClient, eventually } from './client.ts';
import { openStageOrSay, type Stage as Spread } from './faults/stage.ts';
import { demoPassword } from './platform.ts';
import { scenarios } from './scenarios/all.ts';
import { type Stage, setStage } from './scenarios/stage.ts';
import { assertMoneyAgreesOn } from './verify-money.ts';

const engines = process.env['SUUUPRA_MANY_ENGINES']?.split(',') ?? platformEngines.map(({ name }) => name);
const opened = await openStageOrSay({ engines, say: (line) => console.log(`many: ${line}`) });
if (typeof opened === 'string') console.log(`The scenarios on many processes are skipped: ${opened}`);

describe.skipIf(typeof opened === 'string')(`on many processes, on ${engines.join(', ')}`, () => {
  let spread: Spread;
  let stage: Stage;
  beforeAll(async () => {
    spread = opened as Spread;
    stage = await setStage(spread.many.url, demoPassword);
  }, 300_000);
  afterAll(async () => {
    await spread?.close();
  }, 120_000);

  it('has two of what a user feels first, and every door is ready', async () => {
    const services = spread.many.members.map(({ service }) => service);
    for (const service of ['gateway', 'orders', 'payments', 'learning']) {
      expect(services.filter((each) => each === service).length, service).toBe(2);
    }
    for (const { name, operatorUrl } of spread.many.members) {
      const answer = await fetch(`${operatorUrl}/readyz`);
      expect([name, answer.status, await answer.text()]).toEqual([name, 200, expect.stringContaining('"ready"')]);
    }
  });

  it.each(Object.entries(scenarios))('%s', { timeout: 90_000 }, async (_name, scenario) => {
    await scenario(stage);
  });

  it('has books that all agree after that', { timeout: 90_000 }, async () => {
    await assertMoneyAgreesOn(spread.engines.settings);
  });

  it('had work for both of two', async () => {
    const calls = async (url: string) =>
      [...(await (await fetch(`${url}/metrics`)).text()).matchAll(/^suuupra_rpc_calls_total\{[^}]*\} (\d+)/gm)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
    for (const member of spread.many.members.filter(({ service }) => service === 'orders')) {
      expect(await calls(member.operatorUrl), member.name).toBeGreaterThan(10);
    }
  });

  it('has logged no fault', async () => {
    const visitor = anonymousClient(spread.many.url);
    await eventually(
      'the gateway is ready',
      () => visitor.call('GET', '//readyz'),
      ({ status }) => status === 200,
    );
    expect(spread.printed().filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});
