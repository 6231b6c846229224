/** The cache on a Redis that is reached over TLS alone. */
import { openRedisCache } from '@suuupra/platform/cache/cache-redis';
import { ConfigError } from '@suuupra/platform/config';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningEngine } from './engine.ts';
import { startRedis } from './redis.ts';
import { type ServerCertificate, serverCertificate } from './server-certificate.ts';

const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');

describe('a cache over TLS', () => {
  let certificate: ServerCertificate;
  let server: RunningEngine;
  const open = (query: string) => openRedisCache({ url: `${server.url}${query}`, telemetry, deadlineMs: 2_000 });
  beforeAll(async () => {
    certificate = await serverCertificate('redis');
    const started = await startRedis({ mayInstall: false, durable: false, tls: certificate });
    if (typeof started === 'string') throw new Error(started);
    server = started;
  });
  afterAll(async () => {
    await server?.stop();
    certificate?.remove();
  });

  it('keeps and counts when its authority is named', async () => {
    const cache = await open(`?ca=${certificate.authorityFile}`);
    await cache.set('key', Buffer.from('value'), 60_000);
    expect(Buffer.from((await cache.get('key')) ?? '').toString()).toBe('value');
    expect(await cache.allow('rate', 1, 60_000)).toMatchObject({ allowed: true });
    expect(await cache.allow('rate', 1, 60_000)).toMatchObject({ allowed: false });
    expect(await cache.ping()).toBeGreaterThan(0);
    await cache.close();
  });

  it('is refused with a sentence when somebody else signed its certificate', async () => {
    for (const query of ['', `?ca=${certificate.strangerFile}`]) {
      const opening = open(query);
      await expect(opening).rejects.toThrow(ConfigError);
      await expect(opening).rejects.toThrow(/^SUUUPRA_REDIS_URL: the certificate of Redis is not believed \(.*\?ca=/);
    }
  });
});
