/**
 * A service in other processes, as its caller sees it: the instances behind its addresses, which of them is well, and
 * which takes the next call. gRPC calls (transport-grpc.ts) and raw routes (http/raw-remote.ts) share it.
 *
 * A call goes to the instance with the least under way among those that say SERVING and whose breaker admits it. Work that
 * never left this process (a refused connection) goes on to the next instance, whatever it is; what may have arrived does
 * not. Queues are bounded: calls wait only while nothing is known of any instance, and above the limit they are refused
 * with the fault `unavailable` (a fault and not the refusal `busy`, which a caller could take for the service's answer).
 */
import type { LookupAddress } from 'node:dns';
import { lookup as lookupName } from 'node:dns/promises';
import { isIP } from 'node:net';
import { credentials as grpcCredentials } from '@grpc/grpc-js';
import type { Certificates } from '../certificates/certificates.ts';
import { ConfigError } from '../config.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import { type BreakerLimits, breakerLimits, breakerStates } from './breaker.ts';
import { credentialsFor } from './grpc-credentials.ts';
import { addressOf, type Endpoint, type Instance, openInstance } from './instance.ts';
import { requireLoopback } from './loopback.ts';
import { RpcFault } from './rpc.ts';

export interface RemoteTargetOptions {
  /** The service: the identity that its instances must show. */
  readonly service: string;
  /**
   * `host:port` of its gRPC door, one or several; `dns:///host:port` is the same. A name stands for all addresses it has
   * and is looked up again every ten seconds, as a Kubernetes headless service wants it. Raw routes are at port + 1.
   */
  readonly addresses: readonly string[];
  readonly world: Pick<World, 'now' | 'random'>;
  /** What the caller shows and believes. Absent: no encryption, which only loopback addresses are allowed. */
  readonly certificates?: Certificates;
  readonly telemetry?: Pick<Telemetry, 'log' | 'gauge'>;
  readonly limits?: Partial<RemoteLimits>;
  /** All addresses of a name. */
  readonly lookup?: (name: string) => Promise<readonly Pick<LookupAddress, 'address'>[]>;
}

export interface RemoteLimits {
  /** Calls under way at one instance. */
  readonly inFlightMax: number;
  /** Calls that wait because nothing is known yet of any instance. */
  readonly waitingMax: number;
  readonly lookUpEveryMs: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly breaker: BreakerLimits;
}

const defaultLimits: RemoteLimits = {
  // Below the 1,000 streams that a server takes on a connection, with room for streams that last.
  inFlightMax: 500,
  waitingMax: 1_000,
  lookUpEveryMs: 10_000,
  keepaliveMs: 5_000,
  keepaliveTimeoutMs: 3_000,
  breaker: breakerLimits,
};

/** More addresses of one service are not used. */
const instancesMax = 64;
/** A call tries at most this many instances, all but the last of which it never reached. */
const instancesTriedMax = 4;
/** A call that was given less time than this and ran out of it says nothing about the instance. */
const patienceMsMin = 250;

/** How long a piece of work has. */
export interface Life {
  readonly signal: AbortSignal;
  readonly deadlineAtMs: number;
  /** For messages: the method or the route. */
  readonly name: string;
}

/** Thrown by work that never left this process: another instance may do it. */
export class NotSent extends Error {
  readonly fault: RpcFault;
  constructor(fault: RpcFault) {
    super(fault.message);
    this.name = 'NotSent';
    this.fault = fault;
  }
}

export interface RemoteTarget {
  readonly service: string;
  readonly certificates: Certificates | undefined;
  readonly world: Pick<World, 'now' | 'random'>;
  /**
   * Has the work done at one instance. Throws what the work throws, and RpcFault `unavailable` when no instance can take
   * it, `deadline_exceeded` or `cancelled` when it waited for one until then.
   */
  use<T>(life: Life, work: (instance: Instance) => Promise<T>): Promise<T>;
  /** Resolves when an instance would take work now; throws as `use` does. Says nothing to the breakers. */
  ready(life: Life): Promise<void>;
  /** The instances known, for operators and tests. */
  instances(): readonly Pick<Instance, 'address' | 'health' | 'why' | 'inFlight'>[];
  close(): void;
}

interface Pool {
  readonly options: RemoteTargetOptions;
  readonly limits: RemoteLimits;
  readonly instances: Map<string, Instance>;
  readonly waiting: Set<() => void>;
  readonly gauges: Gauges;
  /** Set once the addresses were looked up. */
  known: boolean;
  closed: boolean;
  turn: number;
}

/** Connects at the first call. Throws ConfigError when an address is none. */
export function openRemoteTarget(options: RemoteTargetOptions): RemoteTarget {
  const { service, certificates, world } = options;
  const entries = options.addresses.map((address) => endpointOf(service, address));
  if (entries.length === 0) throw new ConfigError(`There is no address of ${service}; give one as host:port.`);
  if (certificates === undefined) for (const entry of entries) requireLoopback(addressOf(entry), 'openRemoteTarget');
  const pool: Pool = {
    options,
    limits: { ...defaultLimits, ...options.limits },
    instances: new Map(),
    waiting: new Set(),
    gauges: gaugesOf(options),
    known: false,
    closed: false,
    turn: 0,
  };
  const lookups = startLookups(pool, entries);
  return {
    service,
    certificates,
    world,
    use: (life, work) => {
      lookups.wanted();
      return use(pool, life, work);
    },
    ready: async (life) => {
      lookups.wanted();
      if ((await choose(pool, life, new Set())) === undefined) throw unreachable(life);
    },
    instances: () => [...pool.instances.values()],
    close: () => {
      pool.closed = true;
      lookups.stop();
      for (const instance of pool.instances.values()) forget(pool, instance);
      wake(pool);
    },
  };
}

async function use<T>(pool: Pool, life: Life, work: (instance: Instance) => Promise<T>): Promise<T> {
  const passed = new Set<Instance>();
  let fault = unreachable(life);
  while (passed.size < instancesTriedMax) {
    const instance = await choose(pool, life, passed);
    if (instance === undefined) break;
    try {
      return await accounted(pool, instance, life, work);
    } catch (error) {
      if (!(error instanceof NotSent)) throw error;
      fault = error.fault;
      passed.add(instance);
    }
  }
  throw fault;
}

function unreachable({ name }: Life): RpcFault {
  return new RpcFault('unavailable', `${name} cannot be reached.`);
}

/** The instance for the next attempt; undefined when none can take it. Waits while there may be one in a moment. */
async function choose(pool: Pool, life: Life, passed: ReadonlySet<Instance>): Promise<Instance | undefined> {
  const { world } = pool.options;
  for (;;) {
    if (life.signal.aborted) throw leftOf(life);
    if (life.deadlineAtMs <= world.now()) throw new RpcFault('deadline_exceeded', `${life.name} took too long.`);
    if (pool.closed) return undefined;
    const instance = leastBusy(pool, passed);
    if (instance !== undefined) return instance;
    const mayCome = [...pool.instances.values()].some((each) => each.health === 'trying' && !passed.has(each));
    if (pool.known && !mayCome) return undefined;
    if (pool.waiting.size >= pool.limits.waitingMax) return undefined;
    await change(pool, life);
  }
}

function leastBusy(pool: Pool, passed: ReadonlySet<Instance>): Instance | undefined {
  const nowMs = pool.options.world.now();
  const open = [...pool.instances.values()].filter(
    (each) =>
      each.health === 'serving' &&
      !passed.has(each) &&
      each.inFlight < pool.limits.inFlightMax &&
      each.breaker.admits(nowMs),
  );
  // Among equals they take turns.
  pool.turn += 1;
  let best: Instance | undefined;
  for (let at = 0; at < open.length; at += 1) {
    const each = open[(at + pool.turn) % open.length];
    if (each !== undefined && (best === undefined || each.inFlight < best.inFlight)) best = each;
  }
  return best;
}

async function accounted<T>(pool: Pool, instance: Instance, life: Life, work: (i: Instance) => Promise<T>): Promise<T> {
  const { breaker } = instance;
  const { world } = pool.options;
  const startedAtMs = world.now();
  breaker.begin(startedAtMs);
  instance.inFlight += 1;
  try {
    const result = await work(instance);
    breaker.answered();
    return result;
  } catch (error) {
    const fault = error instanceof NotSent ? error.fault : error;
    const code = fault instanceof RpcFault ? fault.code : 'cancelled';
    const impatient = code === 'deadline_exceeded' && life.deadlineAtMs - startedAtMs < patienceMsMin;
    if (code === 'internal') breaker.answered();
    else if (code === 'cancelled' || impatient) breaker.left();
    else breaker.failed(world.now());
    throw error;
  } finally {
    instance.inFlight -= 1;
    pool.gauges.note(instance, world.now());
  }
}

function leftOf({ signal, name }: Life): RpcFault {
  return signal.reason instanceof RpcFault ? signal.reason : new RpcFault('cancelled', `${name} was cancelled.`);
}

/** Resolves when an instance changed, and when the life ends. */
function change(pool: Pool, life: Life): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      pool.waiting.delete(done);
      clearTimeout(timer);
      life.signal.removeEventListener('abort', done);
      resolve();
    };
    const leftMs = life.deadlineAtMs - pool.options.world.now();
    const timer = setTimeout(done, Math.min(Math.max(leftMs, 1), timerMsMax));
    life.signal.addEventListener('abort', done, { once: true });
    pool.waiting.add(done);
  });
}

/** setTimeout fires at once above this. */
const timerMsMax = 2_147_483_647;

function wake(pool: Pool): void {
  for (const done of [...pool.waiting]) done();
}

/** Throws ConfigError when the address is none. */
export function endpointOf(service: string, address: string): Endpoint {
  const [, bracketed, plain, port] = /^(?:dns:\/*)?(?:\[([^\]]+)\]|([^:/\s]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  // Raw routes live one above.
  if (host === undefined || port === undefined || Number(port) < 1 || Number(port) > 65_534) {
    throw new ConfigError(`The address of ${service} is "${address}"; it must be host:port, e.g. 127.0.0.1:4100.`);
  }
  return { host, port: Number(port) };
}

interface Lookups {
  /** Somebody calls. */
  wanted(): void;
  stop(): void;
}

/** Not asked more often than this, however many calls fail. */
const lookUpPauseMs = 1_000;

function startLookups(pool: Pool, entries: readonly Endpoint[]): Lookups {
  const { world } = pool.options;
  const found = new Map<Endpoint, readonly Endpoint[]>();
  const named = entries.some(({ host }) => isIP(host) === 0);
  let timer: NodeJS.Timeout | undefined;
  let lastAtMs = Number.NEGATIVE_INFINITY;
  const look = async () => {
    lastAtMs = world.now();
    await Promise.all(
      entries.map(async (entry) => found.set(entry, await resolve(pool, entry, found.get(entry) ?? []))),
    );
    if (pool.closed) return;
    hold(pool, [...found.values()].flat());
    pool.known = true;
    wake(pool);
  };
  return {
    wanted: () => {
      if (pool.closed) return;
      const due = !pool.known || ![...pool.instances.values()].some((each) => each.health !== 'down');
      const first = lastAtMs === Number.NEGATIVE_INFINITY;
      if (first || (named && due && world.now() - lastAtMs >= lookUpPauseMs)) void look();
      if (!named || timer !== undefined) return;
      timer = setInterval(() => void look(), pool.limits.lookUpEveryMs);
      timer.unref();
    },
    stop: () => clearInterval(timer),
  };
}

/** What was found before stays when a name cannot be looked up now. */
async function resolve(pool: Pool, entry: Endpoint, before: readonly Endpoint[]): Promise<readonly Endpoint[]> {
  if (isIP(entry.host) !== 0) return [entry];
  const { lookup = (name) => lookupName(name, { all: true }), service, telemetry } = pool.options;
  try {
    const addresses = await lookup(entry.host);
    return addresses.map(({ address }) => ({ host: address, port: entry.port }));
  } catch (error) {
    telemetry?.log.warn('a name cannot be looked up; what it was stays', { service, name: entry.host, error });
    return before;
  }
}

function hold(pool: Pool, endpoints: readonly Endpoint[]): void {
  const wanted = new Map(endpoints.slice(0, instancesMax).map((endpoint) => [addressOf(endpoint), endpoint]));
  for (const [address, instance] of pool.instances) if (!wanted.has(address)) forget(pool, instance);
  for (const [address, endpoint] of wanted) {
    if (!pool.instances.has(address)) pool.instances.set(address, begin(pool, endpoint));
  }
}

function begin(pool: Pool, endpoint: Endpoint): Instance {
  const { service, certificates, world } = pool.options;
  return openInstance(endpoint, {
    service,
    credentials: certificates === undefined ? grpcCredentials.createInsecure() : credentialsFor(service, certificates),
    ...pool.limits,
    random: world.random,
    changed: (instance) => {
      const { address, health, why } = instance;
      if (health === 'down') pool.options.telemetry?.log.warn('an instance does not answer', { service, address, why });
      else pool.options.telemetry?.log.info('an instance changed', { service, address, health });
      pool.gauges.note(instance, world.now());
      wake(pool);
    },
  });
}

function forget(pool: Pool, instance: Instance): void {
  pool.instances.delete(instance.address);
  pool.gauges.drop(instance);
  instance.retire();
}

interface Gauges {
  note(instance: Instance, nowMs: number): void;
  drop(instance: Instance): void;
}

function gaugesOf({ telemetry, service }: RemoteTargetOptions): Gauges {
  const labels = ['target', 'address'];
  const serving = telemetry?.gauge('suuupra_rpc_instance_serving', '1 when an instance says that it serves', labels);
  const breaker = telemetry?.gauge('suuupra_rpc_breaker_state', '0 closed, 1 half open, 2 open', labels);
  const inFlight = telemetry?.gauge('suuupra_rpc_instance_in_flight', 'Calls under way at an instance', labels);
  return {
    note: (instance, nowMs) => {
      const of = { target: service, address: instance.address };
      serving?.set(of, instance.health === 'serving' ? 1 : 0);
      breaker?.set(of, breakerStates.indexOf(instance.breaker.state(nowMs)));
      inFlight?.set(of, instance.inFlight);
    },
    drop: ({ address }) => {
      for (const gauge of [serving, breaker, inFlight]) gauge?.remove({ target: service, address });
    },
  };
}
