/**
 * The `cache` port on Redis (6.2 or newer), one server or a Redis Cluster, shared by all processes that name the same.
 *
 * No call waits for Redis longer than its deadline, and none fails because of it: without an answer a value is absent, a
 * `set` and a `delete` are lost, and each process keeps rate limits by itself. Rates follow the clock of the server, so
 * the clocks of processes do not matter; rates of 200 and more are leased (leased-limits.ts). Give Redis a `maxmemory`
 * with `volatile-lru`, `volatile-ttl` or `allkeys-lru`: every key has a time to live.
 */
import { createHash } from 'node:crypto';
import { ErrorReply } from 'redis';
import { ConfigError } from '../config.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { assertTtl, type Cache } from './cache.ts';
import { nameOf, openLeasedLimits, type RateAuthority, type Taken } from './leased-limits.ts';
import { isDistrusted, openRedisLink, type RedisLink } from './redis-link.ts';
import { parseRedisUrl } from './redis-url.ts';

export interface RedisCacheOptions {
  /** As in redis-url.ts. */
  readonly url: string;
  readonly telemetry: Pick<Telemetry, 'log' | 'counter'>;
  /** A command is given up after this; default 75. */
  readonly deadlineMs?: number;
  /** A larger value is not kept; default 1 MiB. */
  readonly valueBytesMax?: number;
}

const defaultDeadlineMs = 75;
const defaultValueBytesMax = 1_048_576;
const keyCharsMax = 200;

/**
 * Goes on without Redis when it does not answer now. Throws ConfigError when it answers and the settings are wrong:
 * no address, a password it does not take, a certificate that is not believed.
 */
export async function openRedisCache(options: RedisCacheOptions): Promise<Cache & { close(): Promise<void> }> {
  const { telemetry, deadlineMs = defaultDeadlineMs, valueBytesMax = defaultValueBytesMax } = options;
  const link = await openRedisLink({ place: parseRedisUrl(options.url), telemetry, deadlineMs });
  if (isRefusedLogin(link.refusal)) {
    link.close();
    throw new ConfigError(`SUUUPRA_REDIS_URL: Redis does not let us in (${link.refusal?.message}).`);
  }
  if (isDistrusted(link.refusal)) {
    link.close();
    throw new ConfigError(
      `SUUUPRA_REDIS_URL: the certificate of Redis is not believed (${link.refusal?.message}); name its authority with ?ca=.`,
    );
  }
  const limits = openLeasedLimits({ authority: authorityOn(link) });
  return {
    get: async (key) => (await link.run((redis) => redis.get(placeOf('value', key)))) ?? undefined,
    set: async (key, value, ttlMs) => {
      assertTtl(ttlMs);
      const place = placeOf('value', key);
      // What was there before is not the answer any more.
      if (value.byteLength > valueBytesMax) await link.run((redis) => redis.delete(place));
      else await link.run((redis) => redis.set(place, Uint8Array.from(value), Math.ceil(ttlMs)));
    },
    delete: async (key) => {
      await link.run((redis) => redis.delete(placeOf('value', key)));
    },
    allow: (key, limit, periodMs, cost = 1) => limits.allow(key, { limit, periodMs }, cost),
    ping: () => link.ping(),
    close: async () => {
      await limits.close();
      link.close();
    },
  };
}

function isRefusedLogin(error: Error | undefined): boolean {
  return error instanceof ErrorReply && /^(WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR invalid password)/.test(error.message);
}

/** Long keys go by their hash, so that no key is longer than 256 characters. */
function placeOf(kind: 'value' | 'rate', key: string): string {
  return `suuupra:${kind}:${key.length <= keyCharsMax ? key : createHash('sha256').update(key).digest('hex')}`;
}

function authorityOn(link: RedisLink): RateAuthority {
  return {
    take: async (key, rate, costs, lease) => {
      const args = [rate.limit, rate.periodMs, lease, ...costs];
      const answer = await link.run((redis) => redis.take(placeOf('rate', nameOf(key, rate)), args));
      return answer === undefined ? undefined : takenOf(answer, costs.length);
    },
    giveBack: async (key, rate, calls) => {
      const args = [rate.limit, rate.periodMs, calls];
      await link.run((redis) => redis.giveBack(placeOf('rate', nameOf(key, rate)), args));
    },
  };
}

function takenOf(answer: readonly number[], costs: number): Taken {
  const at = (index: number): number => {
    const value = answer[index];
    if (value === undefined) throw new Error(`Redis answered ${answer.length} numbers to ${costs} costs`);
    return value;
  };
  return {
    verdicts: Array.from({ length: costs }, (_, n) => ({ allowed: at(2 * n) === 1, owed: BigInt(at(2 * n + 1)) })),
    leased: at(2 * costs),
    owed: BigInt(at(2 * costs + 1)),
  };
}
