/** The scenarios on one process whose payments are in four shards, three of them on another server than its own. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DataFolder, demoPassword, makeDataFolder, startPlatform } from './platform.ts';
import { scenarios } from './scenarios/all.ts';
import { type Stage, setStage } from './scenarios/stage.ts';
import { assertMoneyAgrees } from './verify-money.ts';

describe('with payments in four shards', () => {
  const settings = {
    SUUUPRA_PAYMENTS_SHARDS: '4',
    SUUUPRA_PAYMENTS_PLACES: `a=${process.env['SUUUPRA_TEST_POSTGRES'] ?? ''},b=${process.env['SUUUPRA_TEST_POSTGRES'] ?? ''}`,
    SUUUPRA_PAYMENTS_SHARD_NAMES: `s_${randomBytes(6).toString('hex')}`,
    // The server of the tests forgets what it held.
    SUUUPRA_VOLATILE_DATABASE: 'for-tests-only',
  };
  let data: DataFolder;
  let stage: Stage;
  beforeAll(async () => {
    data = makeDataFolder();
    const platform = await startPlatform({ data, env: settings });
    stage = await setStage(platform.url, demoPassword);
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await data.remove();
  }, 60_000);

  it.each(Object.entries(scenarios))('%s', { timeout: 60_000 }, async (_name, scenario) => {
    await scenario(stage);
  });

  it('has books that all agree after that, and payments in each shard', async () => {
    for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
    await assertMoneyAgrees(data);
    expect(Object.keys(scenarios).length).toBeGreaterThan(5);
  });
});
