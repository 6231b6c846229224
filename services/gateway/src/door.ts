/** Everything a request meets on its way through the gateway. */
import type { Cache } from '@suuupra/platform/cache/cache';
import type { Principal, Refusal } from '@suuupra/platform/rpc/rpc';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import type { Compressor } from './answer.ts';
import type { AnswerCache } from './answer-cache.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayLimits, RateLimit } from './limits.ts';
import { countAgainst } from './rate-limit.ts';
import type { Router } from './router.ts';
import type { SecurityHeaders } from './security-headers.ts';
import type { CookieNames, Credentials } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { Shedder } from './shedding.ts';

export interface Door {
  readonly router: Router;
  readonly sessions: Sessions;
  readonly cookies: CookieNames;
  readonly csrfSecret: Uint8Array;
  readonly cache: Cache;
  readonly answers: AnswerCache;
  readonly compressor: Compressor;
  readonly shedder: Shedder;
  readonly security: SecurityHeaders;
  readonly world: World;
  readonly telemetry: Telemetry;
  readonly limits: GatewayLimits;
  readonly trustedHops: number;
  /** Requests under way. */
  readonly open: Set<Exchange>;
  readonly inFlight: ReturnType<Telemetry['gauge']>;
  readonly requests: ReturnType<Telemetry['counter']>;
  readonly durations: ReturnType<Telemetry['durations']>;
}

/** Who asks, and by which proof. */
export interface Caller {
  readonly principal: Principal;
  readonly credentials: Credentials;
}

/** Counts; the fields of the answer tell what is left of the policy that was counted last. */
export async function count(
  door: Door,
  exchange: Exchange,
  rate: RateLimit,
  who: string,
): Promise<Refusal | undefined> {
  const { refusal, headers } = await countAgainst(door.cache, rate, who);
  for (const [name, value] of Object.entries(headers)) exchange.response.setHeader(name, value);
  return refusal;
}
