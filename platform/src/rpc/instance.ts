/** One instance of a service in another process: its channel, its health, what is under way there, its breaker. */
import { isIPv6 } from 'node:net';
import { type ChannelCredentials, Client } from '@grpc/grpc-js';
import { type Breaker, type BreakerLimits, createBreaker } from './breaker.ts';
import { type HealthWatch, watchHealth } from './grpc-health.ts';
import { messageBytesMax } from './transport.ts';

/** `trying`: nothing is known yet, it may be up in a moment. `down`: it does not answer, and is tried again. */
export type InstanceHealth = 'trying' | 'serving' | 'not_serving' | 'down';

export interface Endpoint {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
}

export interface Instance extends Endpoint {
  /** `host:port`, for logs and metrics. */
  readonly address: string;
  readonly client: Client;
  readonly breaker: Breaker;
  readonly health: InstanceHealth;
  /** Why it is down, '' where it is not. */
  readonly why: string;
  inFlight: number;
  /** Gets no more calls; its channel closes when those under way have ended. */
  retire(): void;
}

export interface InstanceOptions {
  /** The service it is to be. */
  readonly service: string;
  readonly credentials: ChannelCredentials;
  readonly breaker: BreakerLimits;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly random: () => number;
  readonly changed: (instance: Instance) => void;
}

/** A first answer that takes longer means that calls should not wait for it. */
const firstAnswerMsMax = 3_000;
const againMs = 10;
const pauseMs = 100;
const pauseMsMax = 1_000;
/** More would not make the pause longer. */
const failuresCounted = 10;
/** How often a retired channel looks whether its calls have ended. */
const retiredLookMs = 100;

export function addressOf({ host, port }: Endpoint): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

export function openInstance(endpoint: Endpoint, options: InstanceOptions): Instance {
  const address = addressOf(endpoint);
  const target = `${isIPv6(endpoint.host) ? 'ipv6' : 'ipv4'}:${address}`;
  const client = new Client(target, options.credentials, channelOptions(options));
  const state = { health: 'trying' as InstanceHealth, why: '', retired: false };
  const instance: Instance = {
    ...endpoint,
    address,
    client,
    breaker: createBreaker(options.breaker),
    get health() {
      return state.health;
    },
    get why() {
      return state.why;
    },
    inFlight: 0,
    retire: () => {
      state.retired = true;
      stop();
      closeWhenIdle(instance);
    },
  };
  const stop = keepWatch(client, options.random, (health, why) => {
    if (state.retired || (state.health === health && state.why === why)) return;
    // What it could not do before it was away says nothing of what it can do now: else callers would leave it alone for the
    // rest of the breaker's time, while it says that it serves.
    if (health === 'serving') instance.breaker.answered();
    Object.assign(state, { health, why });
    options.changed(instance);
  });
  return instance;
}

function channelOptions({ service, keepaliveMs, keepaliveTimeoutMs }: InstanceOptions) {
  return {
    'grpc.max_receive_message_length': messageBytesMax,
    // A network that swallows everything shows by pings that do not come back.
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.ssl_target_name_override': service,
    'grpc.default_authority': service,
  };
}

/** Keeps one watch open for as long as the instance is of use; gives back how to stop. */
function keepWatch(
  client: Client,
  random: () => number,
  tell: (health: InstanceHealth, why: string) => void,
): () => void {
  let watch: HealthWatch | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let stopped = false;
  const open = () => {
    let last: InstanceHealth = 'down';
    watch = watchHealth(client, firstAnswerMsMax, {
      said: (serving) => {
        last = serving ? 'serving' : 'not_serving';
        failures = 0;
        tell(last, '');
      },
      ended: (why) => {
        if (stopped) return;
        // A connection that was good may only have been renewed: calls wait a moment instead of failing.
        const renewed = last === 'serving';
        tell(renewed ? 'trying' : 'down', renewed ? '' : why);
        const waitMs = Math.min(pauseMs * 2 ** failures, pauseMsMax) * (0.5 + random() / 2);
        failures = Math.min(failures + 1, failuresCounted);
        timer = setTimeout(open, renewed ? againMs : waitMs);
        timer.unref();
      },
    });
  };
  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    watch?.stop();
  };
}

function closeWhenIdle(instance: Instance): void {
  if (instance.inFlight === 0) {
    instance.client.close();
    return;
  }
  setTimeout(() => closeWhenIdle(instance), retiredLookMs).unref();
}
