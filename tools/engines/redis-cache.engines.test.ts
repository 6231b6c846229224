/** The cache on a Redis that is shared, killed, stopped, and started again: no call waits for it and none fails. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheContract } from '@suuupra/platform/cache/cache.contract';
import { openRedisCache } from '@suuupra/platform/cache/cache-redis';
import { ConfigError } from '@suuupra/platform/config';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { RunningEngine } from './engine.ts';
import { startRedis } from './redis.ts';

const shared = process.env['SUUUPRA_TEST_REDIS'] ?? '';
const telemetry = openTelemetry({
  logLevel: 'silent',
  traceShare: 0,
  otlpEndpoint: '',
}).forService('test');
/** Long enough that a machine with other work to do keeps it; the calls of a Redis that is gone must stay well below. */
const patient = { telemetry, deadlineMs: 2_000 };

async function openOn(url: string, deadlineMs = patient.deadlineMs) {
  const cache = await openRedisCache({ url, telemetry, deadlineMs });
  onTestFinished(() => cache.close());
  return cache;
}

async function ownServer(): Promise<RunningEngine> {
  const server = await startRedis({ mayInstall: false, durable: false });
  if (typeof server === 'string') throw new Error(server);
  onTestFinished(() => server.stop());
  return server;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error('it did not come about within 20 s');
    await delay(20);
  }
}

/** Keys of an earlier run may still be there. */
const run = randomUUID();

cacheContract('on Redis', async () => {
  const cache = await openRedisCache({ url: shared, ...patient });
  const scoped: typeof cache = {
    ...cache,
    get: (key) => cache.get(run + key),
    set: (key, value, ttlMs) => cache.set(run + key, value, ttlMs),
    delete: (key) => cache.delete(run + key),
    allow: (key, limit, periodMs, cost) => cache.allow(run + key, limit, periodMs, cost),
  };
  return {
    cache: scoped,
    pass: (ms) => delay(ms),
    nowMs: () => performance.now(),
    driftMs: 400,
    runs: 20,
    close: () => cache.close(),
  };
});

describe('a cache on Redis', () => {
  it('is one for all processes', async () => {
    const [one, two] = [await openOn(shared), await openOn(shared)];
    const key = randomUUID();
    await one.set(key, Buffer.from([0, 255, 10]), 10_000);
    expect(await two.get(key)).toEqual(Buffer.from([0, 255, 10]));
    await two.delete(key);
    expect(await one.get(key)).toBeUndefined();
    const decisions = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? one : two).allow(key, 50, 3_600_000)),
    );
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(50);
  });

  it('G4: over-admits at most 2 % of a burst on four nodes, and gives back what it does not spend', async () => {
    const nodes = await Promise.all(Array.from({ length: 4 }, () => openRedisCache({ url: shared, ...patient })));
    const key = randomUUID();
    const rate = [1_000, 3_600_000] as const;
    let allowed = 0;
    for (let n = 0; n < 600; n += 1) if ((await nodes[n % 4]?.allow(key, ...rate))?.allowed === true) allowed += 1;
    expect(allowed).toBe(600);
    // Leases that are held are given back, here by closing: the next node finds all that was not spent.
    await Promise.all(nodes.map((node) => node.close()));
    const last = await openOn(shared);
    expect((await last.allow(key, ...rate)).remaining).toBe(399);
    for (let n = 0; n < 600; n += 1) if ((await last.allow(key, ...rate)).allowed) allowed += 1;
    expect(allowed + 1).toBe(1_000);
  });

  it('gives the lease of an idle key back within two seconds', async () => {
    const [one, two] = [await openOn(shared), await openOn(shared)];
    const key = randomUUID();
    for (let n = 0; n < 3; n += 1) await one.allow(key, 1_000, 86_400_000);
    await until(async () => {
      const probe = await two.allow(key, 1_000, 86_400_000, 900);
      if (!probe.allowed) throw new Error('a lease is not that large');
      return true;
    });
    await until(async () => (await two.allow(key, 1_000, 86_400_000, 97)).allowed);
  });

  it('keeps nothing that is too large, and not what was there before', async () => {
    const cache = await openOn(shared);
    const key = randomUUID();
    await cache.set(key, Buffer.from('small'), 10_000);
    await cache.set(key, new Uint8Array(1_048_577), 10_000);
    expect(await cache.get(key)).toBeUndefined();
    const long = 'k'.repeat(100_000);
    await cache.set(long, Buffer.from('found'), 10_000);
    expect(String(await cache.get(long))).toBe('found');
  });

  it('gives every key a time to live, and survives the loss of its scripts', async () => {
    const cache = await openOn(shared);
    const client = await createClient({ url: shared }).connect();
    onTestFinished(() => client.destroy());
    const key = randomUUID();
    await cache.set(key, Buffer.from('x'), 5_000);
    await cache.allow(key, 5, 9_000);
    await client.sendCommand(['SCRIPT', 'FLUSH']);
    expect((await cache.allow(key, 5, 9_000)).remaining).toBe(3);
    const keys = await client.keys(`*${key}`);
    expect(keys).toHaveLength(2);
    for (const one of keys) {
      const ttlMs = await client.pTTL(one);
      expect(ttlMs).toBeGreaterThan(0);
      expect(ttlMs).toBeLessThanOrEqual(9_000);
    }
  });
});

describe('a cache whose Redis is lost', () => {
  it('answers every call within its deadline, limits by itself, and finds Redis again', async () => {
    const server = await ownServer();
    const cache = await openOn(server.url);
    const key = randomUUID();
    await cache.set(key, Buffer.from('x'), 60_000);
    for (let n = 0; n < 3; n += 1) await cache.allow(key, 5, 3_600_000);
    await server.crash();
    const startedMs = performance.now();
    expect(await cache.get(key)).toBeUndefined();
    await cache.set(key, Buffer.from('y'), 60_000);
    await cache.delete(key);
    const alone = [];
    for (let n = 0; n < 4; n += 1) alone.push((await cache.allow(key, 5, 3_600_000)).allowed);
    // A connection that is refused is known at once.
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    // The three calls that Redis allowed are remembered here.
    expect(alone).toEqual([true, true, false, false]);
    await expect(cache.ping()).rejects.toThrow();
    await server.restart();
    await until(async () => {
      await cache.set(key, Buffer.from('z'), 60_000);
      return (await cache.get(key)) !== undefined;
    });
    expect(await cache.ping()).toBeGreaterThanOrEqual(0);
    // Redis has forgotten; this process has not.
    expect((await cache.allow(key, 5, 3_600_000)).allowed).toBe(false);
  });

  it('does not wait again and again for a Redis that stands still, and takes it back', async () => {
    const server = await ownServer();
    const deadlineMs = 150;
    const cache = await openOn(server.url, deadlineMs);
    await until(async () => {
      await cache.set('a', Buffer.from('x'), 60_000);
      return (await cache.get('a')) !== undefined;
    });
    process.kill(server.processId, 'SIGSTOP');
    onTestFinished(() => {
      process.kill(server.processId, 'SIGCONT');
    });
    const startedMs = performance.now();
    for (let n = 0; n < 200; n += 1) {
      expect(await cache.get('a')).toBeUndefined();
      expect((await cache.allow(`key ${n}`, 5, 60_000)).allowed).toBe(true);
    }
    // One deadline, not two hundred.
    expect(performance.now() - startedMs).toBeLessThan(2 * deadlineMs + 500);
    process.kill(server.processId, 'SIGCONT');
    await until(async () => (await cache.get('a')) !== undefined);
  });

  it('starts without Redis, and uses it when it comes', async () => {
    const server = await ownServer();
    await server.crash();
    const cache = await openOn(server.url);
    expect((await cache.allow('k', 5, 60_000)).allowed).toBe(true);
    await server.restart();
    await until(async () => {
      await cache.set('k', Buffer.from('x'), 60_000);
      return (await cache.get('k')) !== undefined;
    });
  });

  it('goes on when Redis is full', async () => {
    const server = await ownServer();
    const client = createClient({ url: server.url });
    await client.connect();
    onTestFinished(() => client.destroy());
    const cache = await openOn(server.url);
    await cache.set('before', Buffer.from('x'), 60_000);
    await client.configSet({ maxmemory: '1', 'maxmemory-policy': 'noeviction' });
    await cache.set('after', Buffer.from('x'), 60_000);
    expect(await cache.get('after')).toBeUndefined();
    expect(String(await cache.get('before'))).toBe('x');
    expect((await cache.allow('k', 2, 60_000)).allowed).toBe(true);
    expect((await cache.allow('k', 2, 60_000)).allowed).toBe(true);
    expect((await cache.allow('k', 2, 60_000)).allowed).toBe(false);
  });

  it('says at the start that its password is wrong', async () => {
    const url = new URL(shared);
    url.password = 'no-such-secret';
    const refused = openRedisCache({ url: url.href, ...patient });
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(/SUUUPRA_REDIS_URL: Redis does not let us in \(WRONGPASS/);
    await refused.catch((error: Error) => expect(error.message).not.toContain('no-such-secret'));
  });
});

describe('a cache on a Redis Cluster', () => {
  let nodes: RunningEngine[] = [];
  let url = '';
  beforeAll(async () => {
    const cluster = { password: randomUUID().replaceAll('-', '') };
    const started = await Promise.all(
      Array.from({ length: 2 }, () => startRedis({ mayInstall: false, durable: false, cluster })),
    );
    nodes = started.map((node) => {
      if (typeof node === 'string') throw new Error(node);
      return node;
    });
    await joinCluster(nodes.map((node) => node.url));
    url = `redis+cluster://:${cluster.password}@${nodes.map((node) => new URL(node.url).host).join(',')}`;
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });

  it('finds every key and counts every rate, wherever it lies, while one node is lost too', async () => {
    const cache = await openOn(url);
    const names = Array.from({ length: 40 }, (_, n) => `{x${n}} ${randomUUID()}`);
    for (const name of names) {
      await cache.set(name, Buffer.from(name), 60_000);
      expect(String(await cache.get(name))).toBe(name);
      const decisions = await Promise.all(Array.from({ length: 5 }, () => cache.allow(name, 3, 3_600_000)));
      expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(3);
    }
    await nodes[1]?.crash();
    const startedMs = performance.now();
    for (const name of names) {
      await cache.get(name);
      expect((await cache.allow(name, 3, 3_600_000)).allowed).toBe(false);
      expect((await cache.allow(`new ${name}`, 3, 3_600_000)).allowed).toBe(true);
    }
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });

  it('says at the start that its password is wrong', async () => {
    const wrong = openRedisCache({ url: url.replace(/:[0-9a-f]+@/, ':wrong@'), ...patient });
    await expect(wrong).rejects.toThrow(/Redis does not let us in/);
  });
});

/** Two nodes, half of the slots each. */
async function joinCluster(urls: readonly string[]): Promise<void> {
  const clients = await Promise.all(
    urls.map(async (node) => {
      const client = createClient({ url: node });
      await Promise.all([once(client, 'ready'), client.connect()]);
      return client;
    }),
  );
  const [first, second] = clients;
  await first?.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '8191']);
  await second?.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '8192', '16383']);
  await first?.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', new URL(urls[1] ?? '').port]);
  await until(async () => {
    const states = await Promise.all(clients.map((client) => client.sendCommand<string>(['CLUSTER', 'INFO'])));
    return states.every((state) => String(state).includes('cluster_state:ok'));
  });
  for (const client of clients) client.destroy();
}
