/** G4: what several processes let through together, however they come and go. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { openRedisCache } from '@suuupra/platform/cache/cache-redis';
import { openLeasedLimits } from '@suuupra/platform/cache/leased-limits';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import fc from 'fast-check';
import { createClient } from 'redis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRedis } from './redis.ts';

const shared = process.env['SUUUPRA_TEST_REDIS'] ?? '';
const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');
const open = (url = shared) => openRedisCache({ url, telemetry, deadlineMs: 2_000 });
type Node = Awaited<ReturnType<typeof open>>;

async function commandsOf(url: string): Promise<() => Promise<number>> {
  const client = await createClient({ url }).connect();
  onTestFinished(() => client.destroy());
  return async () => Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))?.[1]);
}

describe('limits that processes share', () => {
  it('let at most nodes × lease more through than one process would, in any interval, while nodes come and go', async () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ kind: fc.constant('ask' as const), calls: fc.integer({ min: 1, max: 120 }) }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), node: fc.nat(3) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('lost' as const), node: fc.nat(3) }) },
    );
    const scenario = fc.record({
      limit: fc.integer({ min: 200, max: 1_500 }),
      periodMs: fc.integer({ min: 300, max: 5_000 }),
      steps: fc.array(step, { minLength: 10, maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ limit, periodMs, steps }) => {
        const key = randomUUID();
        const nodes = await Promise.all(Array.from({ length: 4 }, () => open()));
        const gone: Node[] = [];
        const startedMs = performance.now();
        let passed = 0;
        for (const one of steps) {
          if (one.kind === 'pause') await delay(one.ms);
          if (one.kind === 'leave') await nodes.splice(one.node, 1, await open())[0]?.close();
          // It never speaks again, and what it held is lost with it.
          if (one.kind === 'lost') gone.push(...nodes.splice(one.node, 1, await open()));
          if (one.kind !== 'ask') continue;
          const answers = await Promise.all(
            Array.from({ length: one.calls }, (_, n) => nodes[n % 4]?.allow(key, limit, periodMs)),
          );
          passed += answers.filter((answer) => answer?.allowed === true).length;
          const elapsedMs = performance.now() - startedMs + 1;
          expect(passed).toBeLessThanOrEqual(limit * 1.02 + (elapsedMs * limit) / periodMs);
        }
        await Promise.all([...nodes, ...gone].map((node) => node.close()));
      }),
      { numRuns: 15 },
    );
  });

  it('ask Redis for one call in many while it is busy, and not at all for refused ones', async () => {
    // A server of our own: it counts the commands of everybody.
    const server = await startRedis({ mayInstall: false, durable: false });
    if (typeof server === 'string') throw new Error(server);
    onTestFinished(() => server.stop());
    const node = await open(server.url);
    onTestFinished(() => node.close());
    const commands = await commandsOf(server.url);
    const key = randomUUID();
    const before = await commands();
    for (let n = 0; n < 3_000; n += 1) expect((await node.allow(key, 3_000, 86_400_000)).allowed).toBe(true);
    const busy = await commands();
    // Sixteen calls to a question, each of which is three commands to the server's count.
    expect(busy - before).toBeLessThan(900);
    const startedMs = performance.now();
    for (let n = 0; n < 30_000; n += 1) expect((await node.allow(key, 3_000, 86_400_000)).allowed).toBe(false);
    const seconds = Math.ceil((performance.now() - startedMs) / 1_000);
    expect((await commands()) - busy).toBeLessThan(10 + 10 * seconds);
  });

  it('have the full allowance back one window after a flood of ten times the limit', async () => {
    const nodes = await Promise.all([open(), open()]);
    onTestFinished(async () => {
      await Promise.all(nodes.map((node) => node.close()));
    });
    const key = randomUUID();
    const ask = () => Promise.all(Array.from({ length: 4_000 }, (_, n) => nodes[n % 2]?.allow(key, 400, 2_000)));
    await ask();
    const startedMs = performance.now();
    await delay(2_010);
    const passed = (await ask()).filter((answer) => answer?.allowed === true).length;
    expect(passed).toBeGreaterThanOrEqual(400 * 0.98);
    expect(passed).toBeLessThanOrEqual(400 * 1.02 + ((performance.now() - startedMs - 2_000) * 400) / 2_000);
  });

  it('hold while Redis is killed and started again: each process by itself, and no call fails', async () => {
    const server = await startRedis({ mayInstall: false, durable: false });
    if (typeof server === 'string') throw new Error(server);
    onTestFinished(() => server.stop());
    const nodes = await Promise.all(Array.from({ length: 3 }, () => open(server.url)));
    onTestFinished(async () => {
      await Promise.all(nodes.map((node) => node.close()));
    });
    const passed = [0, 0, 0];
    const ask = async (calls: number) => {
      for (let n = 0; n < calls; n += 1) {
        const at = n % 3;
        if ((await nodes[at]?.allow('k', 600, 3_600_000))?.allowed === true) passed[at] = (passed[at] ?? 0) + 1;
      }
    };
    await ask(300);
    expect(passed).toEqual([100, 100, 100]);
    await server.crash();
    await ask(3_000);
    // No process lets more through than the limit by its own count and what it had in hand.
    for (const own of passed) expect(own).toBeLessThanOrEqual(600 + 3);
    await server.restart();
    const beforeMs = performance.now();
    await ask(300);
    expect(performance.now() - beforeMs).toBeLessThan(5_000);
  });

  it('G10: forget the oldest of more keys than they keep, and ask again for it', async () => {
    let asked = 0;
    const limits = openLeasedLimits({
      keysMax: 1_000,
      authority: {
        take: async (_key, _rate, costs) => {
          asked += 1;
          return { verdicts: costs.map(() => ({ allowed: false, owed: 60_000n * 10n })), leased: 0, owed: 600_000n };
        },
        giveBack: async () => {},
      },
    });
    onTestFinished(() => limits.close());
    const rate = { limit: 10, periodMs: 60_000 };
    for (let n = 0; n < 1_001; n += 1) await limits.allow(`key ${n}`, rate, 1);
    expect(asked).toBe(1_001);
    await limits.allow('key 1000', rate, 1);
    expect(asked).toBe(1_001);
    await limits.allow('key 0', rate, 1);
    expect(asked).toBe(1_002);
  });
});
