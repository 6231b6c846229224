import { describe, expect, it } from 'vitest';
import { moveSteps, simulateShards } from './simulation-shards.ts';

/** How many seeds; more by SUUUPRA_SEEDS, from another start by SUUUPRA_SEED. */
const seeds = Number(process.env['SUUUPRA_SEEDS'] ?? 60);
const firstSeed = Number(process.env['SUUUPRA_SEED'] ?? Date.now() % 1_000_000_000);
const stepsPerSeed = 3_000;

describe('a shard of payments that moves under load, whatever dies', () => {
  it(`has one owner at each step and loses nothing, seeds from ${firstSeed} on`, {
    timeout: 10 * seeds * 1_000,
  }, async () => {
    const happened: Record<string, number> = {};
    let orders = 0;
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      const result = await simulateShards(seed, stepsPerSeed);
      orders += result.orders;
      for (const [what, times] of Object.entries(result.happened)) happened[what] = (happened[what] ?? 0) + times;
    }
    expect(orders).toBeGreaterThan(seeds);
    if (seeds < 60) return;
    const expected = [
      ...['move begun', 'move taken up', 'mover died', 'mover frozen', 'process died', 'process frozen'],
      ...['call failed', 'answer lost', 'write fenced', 'mover fenced', 'undone by the operator', 'read'],
      // The later a step, the fewer movers come to it.
      ...(seeds < 300 ? [] : moveSteps.map((step) => `mover died before it could ${step}`)),
    ];
    expect(Object.keys(happened)).toEqual(expect.arrayContaining(expected));
    expect(happened['move done']).toBeGreaterThan(seeds / 2);
  });

  it('is the same run for the same seed', async () => {
    expect(await simulateShards(7, stepsPerSeed)).toEqual(await simulateShards(7, stepsPerSeed));
  });
});
