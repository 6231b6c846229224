import { describe, expect, it } from 'vitest';
import { simulateShards } from './simulation-shards.ts';

/** How many seeds; more by SUUUPRA_SEEDS, from another start by SUUUPRA_SEED. */
const seeds = Number(process.env['SUUUPRA_SEEDS'] ?? 300);
const firstSeed = Number(process.env['SUUUPRA_SEED'] ?? Date.now() % 1_000_000_000);
const stepsPerSeed = 400;

describe('a shard that moves under load, whatever dies (M1, M8, M12, M15)', () => {
  it(`has one owner at each step and loses nothing, seeds from ${firstSeed} on`, {
    timeout: 10 * seeds * 1_000,
  }, async () => {
    const happened: Record<string, number> = {};
    let journals = 0n;
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      const result = await simulateShards(seed, stepsPerSeed);
      journals += result.journals;
      for (const [what, times] of Object.entries(result.happened)) happened[what] = (happened[what] ?? 0) + times;
    }
    expect(journals).toBeGreaterThan(BigInt(seeds));
    if (seeds < 100) return;
    expect(happened).toMatchObject({
      'move begun': expect.any(Number),
      'move taken up': expect.any(Number),
      'move ended: MoveLost': expect.any(Number),
      'mover died': expect.any(Number),
      'mover frozen': expect.any(Number),
      'process died': expect.any(Number),
      'answer lost': expect.any(Number),
      'told to come back': expect.any(Number),
    });
    expect(happened['move done']).toBeGreaterThan(seeds / 2);
  });

  it('is the same run for the same seed', async () => {
    expect(await simulateShards(7, 500)).toEqual(await simulateShards(7, 500));
  });
});
