/**
 * A connection to Redis that nobody has to wait for: each command is answered within its deadline or given up. After a
 * command that was not answered nothing is asked until a probe in the background was, so that a Redis that is slow or
 * gone costs one deadline and not one for each request.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ErrorReply } from 'redis';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { connectRedis, type RedisCommands } from './redis-commands.ts';
import type { RedisPlace } from './redis-url.ts';

export interface RedisLink {
  /** What Redis answers; undefined when it does not within the deadline, or answers that it cannot. Never throws. */
  run<T>(command: (redis: RedisCommands) => Promise<T>): Promise<T | undefined>;
  /** Milliseconds a question took. Throws when there is no answer. */
  ping(): Promise<number>;
  /** What Redis said when it did not let us connect at the start, or why its certificate is not believed. */
  readonly refusal: Error | undefined;
  close(): void;
}

export interface RedisLinkOptions {
  readonly place: RedisPlace;
  readonly telemetry: Pick<Telemetry, 'log' | 'counter'>;
  readonly deadlineMs: number;
}

const probeMsMin = 100;
const probeMsMax = 1_000;
/** A connection that takes commands and answers none for as long is given up for a new one. */
const silentMsMax = 5_000;
const firstMsMax = 2_000;
const pingMsMax = 1_000;
/** What Redis refuses again and again is said this often. */
const complainEveryMs = 10_000;
const probeKey = 'suuupra:probe';

/** Connects, and waits a moment for it: what is wrong with the settings is found out here. */
export async function openRedisLink({ place, telemetry, deadlineMs }: RedisLinkOptions): Promise<RedisLink> {
  const unanswered = telemetry.counter('suuupra_cache_unanswered_total', 'Questions to Redis without an answer');
  const closing = new AbortController();
  const first = Promise.withResolvers<void>();
  let lastError: unknown;
  let refusal: Error | undefined;
  let isOpen = false;
  let isUp = false;
  let isProbing = false;
  let complainedAtMs = Number.NEGATIVE_INFINITY;
  const listener = {
    failed: (error: unknown) => {
      lastError = error;
      if (!(error instanceof ErrorReply || (error instanceof Error && isDistrusted(error)))) return;
      if (!isOpen) refusal = error;
      first.resolve();
    },
    ready: () => first.resolve(),
  };
  let redis = connectRedis(place, listener);

  const probe = async (): Promise<void> => {
    if (isProbing) return;
    isProbing = true;
    let silentSinceMs = performance.now();
    for (let pauseMs = probeMsMin; !closing.signal.aborted; pauseMs = Math.min(pauseMs * 2, probeMsMax)) {
      if (redis.isReady() && (await answers())) break;
      if (!redis.isReady()) silentSinceMs = performance.now();
      if (performance.now() - silentSinceMs > silentMsMax) {
        redis.destroy();
        redis = connectRedis(place, listener);
        silentSinceMs = performance.now();
      }
      await delay(pauseMs, undefined, { signal: closing.signal, ref: false }).catch(() => {});
    }
    isProbing = false;
    if (closing.signal.aborted) return;
    isUp = true;
    telemetry.log.info('Redis answers');
  };

  const answers = () =>
    doesAnswer(redis, deadlineMs, (error) => {
      lastError = error;
    });

  const noteFailure = (error: unknown): void => {
    unanswered.inc();
    lastError = error;
    const isRefused = error instanceof ErrorReply;
    const now = performance.now();
    if (isUp && (!isRefused || now - complainedAtMs > complainEveryMs)) {
      complainedAtMs = now;
      telemetry.log.warn(isRefused ? 'Redis refuses' : 'Redis does not answer; going on without it', { error });
    }
    // A server that refuses one command still answers others.
    if (isRefused) return;
    isUp = false;
    void probe();
  };

  await Promise.race([first.promise, delay(firstMsMax, undefined, { ref: false })]);
  isOpen = true;
  isUp = redis.isReady() && (await answers());
  if (!isUp) {
    telemetry.log.warn('Redis does not answer; going on without it', { error: lastError });
    void probe();
  }
  return {
    run: async (command) => {
      if (!isUp || closing.signal.aborted) return undefined;
      try {
        return await within(command(redis), deadlineMs);
      } catch (error) {
        noteFailure(error);
        return undefined;
      }
    },
    ping: async () => {
      const startedMs = performance.now();
      await within(redis.get(probeKey), pingMsMax);
      return performance.now() - startedMs;
    },
    refusal,
    close: () => {
      closing.abort();
      redis.destroy();
    },
  };
}

/**
 * A certificate that Node does not believe. One that has run out is not among these: it did at some moment, and a process
 * that starts after it goes on as those do that started before.
 */
export function isDistrusted(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return error instanceof Error && typeof code === 'string' && distrusted.test(code);
}

const distrusted =
  /^(?:(?:DEPTH_ZERO_)?SELF_SIGNED_CERT(?:_IN_CHAIN)?|UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(?:_LOCALLY)?)|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|ERR_TLS_CERT_ALTNAME_INVALID)$/;

async function doesAnswer(redis: RedisCommands, ms: number, failed: (error: unknown) => void): Promise<boolean> {
  try {
    await within(redis.get(probeKey), ms);
    return true;
  } catch (error) {
    failed(error);
    return false;
  }
}

async function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Redis did not answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
