/** The scenarios on one process with the embedded engines. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DataFolder,
  demoPassword,
  familyOf,
  makeDataFolder,
  type RunningPlatform,
  residentMebibytes,
  startPlatform,
} from './platform.ts';
import { cancelling } from './scenarios/cancel.ts';
import { declineThen3ds } from './scenarios/decline-then-3ds.ts';
import { everyToken } from './scenarios/every-token.ts';
import { freeCourse } from './scenarios/free-course.ts';
import { learn } from './scenarios/learn.ts';
import { notices } from './scenarios/notices.ts';
import { purchase } from './scenarios/purchase.ts';
import { raceOfPayingAndCancelling, raceOnOneKey, raceOnOneOrder, raceOnOneRefund } from './scenarios/races.ts';
import { fullRefund, partialRefund, refundByTheBuyer } from './scenarios/refund.ts';
import { type Scenario, type Stage, setStage } from './scenarios/stage.ts';
import { assertMoneyAgrees } from './verify-money.ts';

/** What the platform promises for Node and its embedded PostgreSQL together. */
const residentMebibytesMax = 700;

const scenarios: Readonly<Record<string, Scenario>> = {
  'a purchase': purchase,
  'a free course': freeCourse,
  'declined, rejected, then approved': declineThen3ds,
  'every sandbox token': everyToken,
  'an order let go of': cancelling,
  'learning what was bought': learn,
  'notices as they happen': notices,
  'a full refund': fullRefund,
  'a refund by the buyer': refundByTheBuyer,
  'a partial refund and then the rest': partialRefund,
  'eight at once on one key': raceOnOneKey,
  'eight at once on one order': raceOnOneOrder,
  'eight at once on one refund': raceOnOneRefund,
  'paying while cancelling': raceOfPayingAndCancelling,
};

describe('on one process', () => {
  let data: DataFolder;
  let platform: RunningPlatform;
  let stage: Stage;
  beforeAll(async () => {
    data = makeDataFolder();
    platform = await startPlatform({ data });
    stage = await setStage(platform.url, demoPassword);
  }, 120_000);
  afterAll(async () => {
    await data.remove();
  }, 60_000);

  it.each(Object.entries(scenarios))('%s', { timeout: 60_000 }, async (_name, scenario) => {
    await scenario(stage);
  });

  it('has books that all agree after that', async () => {
    await assertMoneyAgrees(data);
  });

  it('holds under 700 MiB in all after that', () => {
    const node = residentMebibytes([platform.processId]);
    const postgres = residentMebibytes(familyOf(data.postgresId() ?? 0));
    console.log(`scenarios: ${Math.round(node)} MiB Node, ${Math.round(postgres)} MiB PostgreSQL (PSS)`);
    expect(node).toBeGreaterThan(20);
    expect(postgres).toBeGreaterThan(10);
    expect(node + postgres).toBeLessThan(residentMebibytesMax);
  });
});
