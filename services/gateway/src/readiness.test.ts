import { describe, expect, it } from 'vitest';
import { type Dependency, readinessOf, readinessStatus } from './readiness.ts';

const up = (name: string): Dependency => ({ name, check: async () => 1.234 });
const down = (name: string): Dependency => ({ name, check: () => Promise.reject(new Error('away')) });
const ask = async (dependencies: readonly Dependency[], draining = false) => {
  const readiness = await readinessOf(dependencies, 20, () => draining)();
  return [readiness.status, readinessStatus(readiness)];
};

describe('readiness', () => {
  it('is ready when all answer, degraded without what the work goes on without, and else not ready', async () => {
    expect(await ask([up('orders'), up('stream')])).toEqual(['ready', 200]);
    expect(await ask([up('orders'), { ...down('stream'), background: true }])).toEqual(['degraded', 200]);
    expect(await ask([down('orders'), { ...down('stream'), background: true }])).toEqual(['not_ready', 503]);
    expect(await ask([up('orders')], true)).toEqual(['draining', 503]);
  });

  it('names each with its state and latency, and takes silence for down', async () => {
    const silent: Dependency = { name: 'cache', check: () => new Promise(() => {}), background: true };
    const { dependencies } = await readinessOf([up('orders'), silent], 20, () => false)();
    expect(dependencies).toEqual([
      { name: 'orders', state: 'up', latencyMs: 1.23 },
      { name: 'cache', background: true, state: 'down', latencyMs: expect.any(Number) },
    ]);
  });

  it('asks once for many who ask at once', async () => {
    let checks = 0;
    const counted = { name: 'orders', check: async () => ++checks };
    const readiness = readinessOf([counted], 20, () => false);
    await Promise.all([readiness(), readiness(), readiness()]);
    expect(checks).toBe(1);
  });
});
