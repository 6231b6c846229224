/** The scenarios on one process with the embedded engines. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queries, seriesIn } from '../deploy/observability/queries.ts';
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

/** Of processes with certificates, of those with a collector or with payments in shards, and of the offline check of the book. */
const notHere = new Set([
  'suuupra_certificate_expires_timestamp_seconds',
  'suuupra_telemetry_spans_total',
  'suuupra_payments_shard_moving',
  'suuupra_payments_shard_noting',
  'suuupra_ledger_verify_intact',
  'suuupra_ledger_verify_timestamp_seconds',
]);

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

  it('shows every figure that dashboards and alerts ask for', async () => {
    const text = await (await fetch(`${platform.url}/metrics`)).text();
    const shown = new Set([...text.matchAll(/^([a-z0-9_]+)(?:\{| )/gm)].map(([, name]) => name));
    const asked = new Set(queries.flatMap(({ expr }) => seriesIn(expr)));
    expect(asked.size).toBeGreaterThan(30);
    expect([...asked].filter((name) => !shown.has(name) && !notHere.has(name)).sort()).toEqual([]);
    // What is shown here after all does not belong there.
    expect([...notHere].filter((name) => shown.has(name) || !asked.has(name))).toEqual([]);
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
