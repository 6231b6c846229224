/**
 * The few commands that the cache needs, on one Redis server or on a Redis Cluster.
 *
 * Library: `redis` (node-redis 6). Every command and script touches one key, so a cluster can put it anywhere. Pitfalls:
 * a command's own `timeout` ends when it is written to the socket, so deadlines are kept by redis-link.ts; without a
 * listener of `error` the process ends; a client that is reconnecting queues without end unless it is told not to.
 */
import { readFileSync } from 'node:fs';
import { type CommandParser, createClient, createCluster, defineScript, RESP_TYPES } from 'redis';
import { ConfigError } from '../config.ts';
import type { RedisPlace } from './redis-url.ts';

export interface RedisCommands {
  isReady(): boolean;
  get(key: string): Promise<Buffer | null>;
  set(key: string, value: Uint8Array, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** Runs `takeScript`. */
  take(key: string, args: readonly number[]): Promise<readonly number[]>;
  /** Runs `giveBackScript`. */
  giveBack(key: string, args: readonly number[]): Promise<void>;
  destroy(): void;
}

export interface RedisListener {
  failed(error: Error): void;
  ready(): void;
}

/** Commands written and not answered, or waiting to be written; more are refused at once. */
const queuedMax = 10_000;
const connectMsMax = 2_000;
const reconnectMsMax = 2_000;

/** Time owed under a limit, from the key: as "milliseconds units-of-1/limit", exact in doubles. `owed` is 0 when it has none. */
const owedNow = `
local limit, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local burst = limit * period
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owed = 0
local stored = redis.call('GET', KEYS[1])
if stored then
  local ms, part = string.match(stored, '^(%d+) (%d+)$')
  owed = (tonumber(ms) - now) * limit + tonumber(part)
  -- A server whose clock was set back, or another server after a failover, owes no more than a burst.
  owed = math.max(0, math.min(owed, burst))
end
local function keep()
  if owed <= 0 then return redis.call('DEL', KEYS[1]) end
  local ms = math.floor(owed / limit)
  local text = string.format('%.0f %.0f', now + ms, owed - ms * limit)
  redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', ms + 1))
end`;

/** ARGV: limit, period in ms, lease, costs. Answers allowed and owed for each cost, then what was leased, and owed. */
const takeScript = `${owedNow}
local before = owed
local answer = {}
for index = 4, #ARGV do
  local after = owed + tonumber(ARGV[index]) * period
  local allowed = after <= burst
  if allowed then owed = after end
  answer[#answer + 1] = allowed and 1 or 0
  answer[#answer + 1] = owed
end
local leased = math.min(tonumber(ARGV[3]), math.floor((burst - owed) / period))
owed = owed + leased * period
if owed > before then keep() end
answer[#answer + 1] = leased
answer[#answer + 1] = owed
return answer`;

/** ARGV: limit, period in ms, calls. */
const giveBackScript = `${owedNow}
if owed > 0 then
  owed = owed - tonumber(ARGV[3]) * period
  keep()
end
return 0`;

const scripts = { take: script(takeScript), giveBack: script(giveBackScript) };

function script(lua: string) {
  return defineScript({
    SCRIPT: lua,
    NUMBER_OF_KEYS: 1,
    parseCommand: (parser: CommandParser, key: string, args: readonly number[]) => {
      parser.pushKey(key);
      parser.push(...args.map(String));
    },
    transformReply: (reply: unknown) => reply as readonly number[],
  });
}

/** Begins to connect, and connects again for ever; `listener` hears of it. */
export function connectRedis(place: RedisPlace, listener: RedisListener): RedisCommands {
  return place.isCluster ? connectCluster(place, listener) : connectServer(place, listener);
}

function connectServer(place: RedisPlace, listener: RedisListener): RedisCommands {
  const [node] = place.nodes;
  const client = createClient({
    ...connectionOf(place, node),
    database: place.database,
    scripts,
  });
  client.on('error', listener.failed).on('ready', listener.ready);
  client.connect().catch(listener.failed);
  return { ...commandsOf(client), isReady: () => client.isReady, destroy: () => client.destroy() };
}

function connectCluster(place: RedisPlace, listener: RedisListener): RedisCommands {
  const cluster = createCluster({
    rootNodes: place.nodes.map((node) => connectionOf(place, node)),
    defaults: connectionOf(place, undefined),
    scripts,
  });
  let isReady = false;
  let isClosed = false;
  cluster.on('error', listener.failed).on('node-error', listener.failed);
  // Unlike a client of one server it tries once and gives up.
  const connect = (): void => {
    cluster.connect().then(
      () => {
        isReady = true;
        listener.ready();
      },
      (error: Error) => {
        listener.failed(error);
        if (!isClosed) setTimeout(connect, reconnectMsMax * jitter()).unref();
      },
    );
  };
  connect();
  return {
    ...commandsOf(cluster),
    isReady: () => isReady,
    destroy: () => {
      isClosed = true;
      if (cluster.isOpen) cluster.destroy();
    },
  };
}

function connectionOf(place: RedisPlace, node: RedisPlace['nodes'][number] | undefined) {
  const { username, password } = place;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    socket: {
      ...node,
      ...(place.isTls ? { tls: true as const, ...trusted(place.caFile) } : {}),
      connectTimeout: connectMsMax,
      reconnectStrategy: (retries: number) => Math.min(50 * 2 ** Math.min(retries, 10), reconnectMsMax) * jitter(),
    },
    commandsQueueMaxLength: queuedMax,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled' as const,
  };
}

/** So that many processes do not come back in the same moment. */
function jitter(): number {
  return 0.5 + Math.random() / 2;
}

function trusted(caFile: string | undefined): { ca?: Buffer } {
  if (caFile === undefined) return {};
  try {
    return { ca: readFileSync(caFile) };
  } catch (error) {
    throw new ConfigError(`SUUUPRA_REDIS_URL names ${caFile} as ca, which cannot be read.`, { cause: error });
  }
}

type Client =
  | ReturnType<typeof createClient<Record<never, never>, Record<never, never>, typeof scripts>>
  | ReturnType<typeof createCluster<Record<never, never>, Record<never, never>, typeof scripts>>;

function commandsOf(client: Client): Omit<RedisCommands, 'isReady' | 'destroy'> {
  const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  return {
    get: async (key) => (await bytes.get(key)) as Buffer | null,
    set: async (key, value, ttlMs) => {
      await client.set(key, Buffer.from(value.buffer, value.byteOffset, value.byteLength), {
        expiration: { type: 'PX', value: ttlMs },
      });
    },
    delete: async (key) => {
      await client.del(key);
    },
    take: (key, args) => client.take(key, args),
    giveBack: async (key, args) => {
      await client.giveBack(key, args);
    },
  };
}
