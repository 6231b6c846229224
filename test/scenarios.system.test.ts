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
import { scenarios } from './scenarios/all.ts';
import { type Stage, setStage } from './scenarios/stage.ts';
import { assertMoneyAgrees } from './verify-money.ts';

/** What the platform promises for Node and its embedded PostgreSQL together. */
const residentMebibytesMax = 700;

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
