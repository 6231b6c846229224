/**
 * The one place that knows where things are: which engines stand behind the ports, and whether a service that another
 * calls is in this process. Everything else gets typed clients and engines, and cannot tell.
 *
 * Order of a start: keyring, databases, stream, engines of each service, services, event consumers, gateway. A stop runs
 * it backwards: the gateway drains, consumers stop, services stop, outboxes are emptied, databases close.
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DescService } from '@bufbuild/protobuf';
import { eventRow } from '@suuupra/contracts/events';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { createGateway, type Gateway } from '@suuupra/gateway/service';
import type { Cache } from '@suuupra/platform/cache/cache';
import { openEmbeddedCache } from '@suuupra/platform/cache/cache-embedded';
import type { Config } from '@suuupra/platform/config';
import { ConfigError } from '@suuupra/platform/config';
import { openEmbeddedDocuments } from '@suuupra/platform/documents/documents-embedded';
import type { Keys } from '@suuupra/platform/keys/keys';
import { openKeyring } from '@suuupra/platform/keys/keys-file';
import type { Mail } from '@suuupra/platform/mail/mail';
import { openMailbox } from '@suuupra/platform/mail/mail-mailbox';
import { openSmtp } from '@suuupra/platform/mail/mail-smtp';
import { openDiskObjects } from '@suuupra/platform/objects/objects-disk';
import { createClient } from '@suuupra/platform/rpc/client';
import { type Served, serve } from '@suuupra/platform/rpc/dispatch';
import type { Client, Implementation } from '@suuupra/platform/rpc/rpc';
import type { Transport } from '@suuupra/platform/rpc/transport';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import { openEmbeddedSearch } from '@suuupra/platform/search/search-embedded';
import type { AnyService, EngineName, Engines, RunningService, ServiceSettings } from '@suuupra/platform/service';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { migrateService, prepareServiceDatabase, pruneServiceDatabase } from '@suuupra/platform/sql/service-tables';
import { type Sql, SqlFault, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { startEmbeddedPostgres } from '@suuupra/platform/sql/sql-embedded';
import { ensureDatabaseUrl, openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { subscribe } from '@suuupra/platform/stream/inbox';
import { outboxPublisher, type Publish } from '@suuupra/platform/stream/outbox';
import { type Relay, startRelay } from '@suuupra/platform/stream/outbox-relay';
import type { Consumer, Stream } from '@suuupra/platform/stream/stream';
import { openEmbeddedStream } from '@suuupra/platform/stream/stream-embedded';
import type { Log, ProcessTelemetry } from '@suuupra/platform/telemetry/telemetry';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { realWorld, type World } from '@suuupra/platform/world';

export interface Platform {
  /** Where the gateway listens. */
  readonly url: string;
  /** A typed client of any service, for tools of the operator such as the seed. */
  client<S extends DescService>(service: S, caller: string): Client<S>;
  readonly keys: Keys;
  /** From now on /readyz may say that all is ready; until then, while an empty folder is filled, it says it is not. */
  open(): void;
  /** Resolves when every event told so far has been applied by all its consumers. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** How long requests under way may take to finish when the process is told to stop. */
const drainMs = 10_000;
/** How long a start waits for an earlier process on the same data to let go of it. */
const takeOverMs = 10_000;
const pruneEveryMs = 60 * 60_000;
const settleMsMax = 60_000;

interface Ground {
  readonly config: Config;
  readonly world: World;
  readonly telemetry: ProcessTelemetry;
  readonly keys: Keys;
  readonly mail: Mail;
  readonly cache: Cache;
  readonly stream: Stream;
  readonly databaseUrl: (name: string) => Promise<string>;
  readonly settings: ServiceSettings;
  /** Run backwards at the stop. */
  readonly closing: (() => Promise<void>)[];
}

interface Started {
  readonly service: AnyService;
  readonly running: RunningService;
  readonly served: Served;
  readonly sql: Sql | undefined;
  readonly relay: Relay | undefined;
}

/** Starts these services and the gateway in this process. Throws ConfigError with a sentence when it cannot. */
export async function compose(services: readonly AnyService[], config: Config): Promise<Platform> {
  for (const service of services) service.check?.(process.env, config);
  const closing: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    return await composeWithin(services, config, closing, stop);
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}

async function composeWithin(
  services: readonly AnyService[],
  config: Config,
  closing: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Platform> {
  const place = await reserveAddress(config);
  closing.push(place.release);
  const { port } = place;
  const ground = await layGround({ ...config, port }, closing);
  const { world } = ground;
  const servedBy = new Map<string, Served>();
  const transport = transportTo(servedBy);
  const client = <S extends DescService>(service: S, caller: string) =>
    createClient(service, transport, { caller, world });

  const started = await startAll(services, ground, client);
  for (const { served } of started) for (const method of served.methods) servedBy.set(method.parent.typeName, served);
  await startConsumers(started, ground);
  await Promise.all(started.map(({ running }) => running.begin?.()));

  await place.release();
  const door = { open: false };
  const gateway = await openGateway(started, transport, ground, door);
  closing.push(() => gateway.close({ drainMs }));
  return {
    url: `http://${config.host}:${port}`,
    client,
    keys: ground.keys,
    open: () => {
      door.open = true;
    },
    settled: () => settle(started, ground.stream),
    stop,
  };
}

async function layGround(config: Config, closing: (() => Promise<void>)[]): Promise<Ground> {
  makeDataFolder(config);
  const world = realWorld();
  const telemetry = openTelemetry(config);
  closing.push(() => telemetry.close());
  const keys = await openKeyring(path.join(config.dataFolder, 'keys.json'));
  const hold: Hold = { mine: false };
  const databaseUrl = await openDatabases(config, keys, hold, telemetry.forService('sql').log, closing);
  const streamSql = await openPostgres({ url: await databaseUrl('suuupra_stream') });
  closing.push(() => streamSql.close());
  if (config.postgresUrl === '') await holdAlone(streamSql, config, hold, telemetry.forService('sql').log, closing);
  const stream = await openEmbeddedStream({ sql: streamSql, telemetry: telemetry.forService('stream'), world });
  closing.push(() => stream.close());
  return {
    config,
    world,
    telemetry,
    keys,
    mail: await openMail(config, world, closing),
    cache: openEmbeddedCache({ world }),
    stream,
    databaseUrl,
    settings: { publicUrl: config.publicUrl || `http://${config.host}:${config.port}`, demo: config.demo },
    closing,
  };
}

function makeDataFolder({ dataFolder }: Config): void {
  try {
    mkdirSync(dataFolder, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(`The data folder ${dataFolder} cannot be made (${code}); give another one with --data.`, {
      cause: error,
    });
  }
}

/** Whether this process has the data folder to itself. */
interface Hold {
  mine: boolean;
}

async function openMail(config: Config, world: World, closing: (() => Promise<void>)[]): Promise<Mail> {
  if (config.smtpUrl === '') return openMailbox({ folder: path.join(config.dataFolder, 'mail'), world });
  const smtp = await openSmtp({ url: config.smtpUrl, from: config.mailFrom });
  closing.push(() => smtp.close());
  return smtp;
}

async function openDatabases(
  config: Config,
  keys: Keys,
  hold: Hold,
  log: Log,
  closing: (() => Promise<void>)[],
): Promise<Ground['databaseUrl']> {
  if (config.postgresUrl !== '') return (name) => ensureDatabaseUrl(config.postgresUrl, name);
  const password = Buffer.from(await keys.secret('postgres')).toString('base64url');
  const server = await startEmbeddedPostgres({
    folder: path.join(config.dataFolder, 'postgres'),
    password,
    onChange: (change, error) =>
      log[change === 'restarted' ? 'warn' : 'error'](`the embedded PostgreSQL ${change}`, { error }),
  });
  // A server that was found running may be another process's: it is ours to stop once we hold the folder.
  closing.push(async () => {
    if (hold.mine || !server.adopted) await server.stop();
  });
  return (name) => server.database(name);
}

/**
 * One process to a data folder: a second one would race the first for files that no database guards. The lock goes with
 * its connection, so it is taken again when the database was restarted.
 */
async function holdAlone(
  sql: Sql,
  config: Config,
  hold: Hold,
  log: Log,
  closing: (() => Promise<void>)[],
): Promise<void> {
  let held = await takeHold(sql, config);
  let stopping = false;
  hold.mine = true;
  const keep = () => {
    held.lost.addEventListener('abort', () => {
      if (stopping) return;
      takeHold(sql, config).then(
        (again) => {
          held = again;
          keep();
        },
        (error: unknown) => {
          log.error('the data folder is not held any more; stopping', { error });
          process.kill(process.pid, 'SIGTERM');
        },
      );
    });
  };
  keep();
  closing.push(async () => {
    stopping = true;
    await held.release();
  });
}

type Held = NonNullable<Awaited<ReturnType<Sql['tryLock']>>>;

async function takeHold(sql: Sql, config: Config): Promise<Held> {
  const untilMs = Date.now() + takeOverMs;
  for (;;) {
    const held = await sql.tryLock('suuupra:this-data').catch((error: unknown) => {
      // A database that is being restarted; one that stays away is a fault.
      if (!(error instanceof SqlFault) || error.kind !== 'unavailable' || Date.now() > untilMs) throw error;
      return undefined;
    });
    if (held !== undefined) return held;
    if (Date.now() > untilMs) {
      throw new ConfigError(
        `Another Suuupra runs on the data in ${config.dataFolder}; stop it, or give another folder with --data.`,
      );
    }
    await delay(50);
  }
}

function transportTo(servedBy: ReadonlyMap<string, Served>): Transport {
  const transports = new Map<string, Transport>();
  return {
    call: (method, request, context) => {
      const name = method.parent.typeName;
      const known = transports.get(name) ?? localTransport(() => servedBy.get(name));
      transports.set(name, known);
      return known.call(method, request, context);
    },
  };
}

/** Services start side by side: most of a first start is waiting for databases to be made. */
async function startAll(services: readonly AnyService[], ground: Ground, clientOf: ClientOf): Promise<Started[]> {
  const outcomes = await Promise.allSettled(services.map((service) => startService(service, ground, clientOf)));
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

type ClientOf = <S extends DescService>(service: S, caller: string) => Client<S>;

async function startService(service: AnyService, ground: Ground, clientOf: ClientOf): Promise<Started> {
  const { world, telemetry, closing } = ground;
  const own = telemetry.forService(service.name);
  const wanted = new Set<EngineName>(service.engines);
  const withDatabase = wanted.has('sql') || wanted.has('documents');
  const sql = withDatabase ? await openServiceDatabase(service, ground) : undefined;
  const relay = sql === undefined ? undefined : startRelay({ sql, stream: ground.stream, telemetry: own });
  if (relay !== undefined) {
    closing.push(async () => {
      await relay
        .drain(drainMs)
        .catch((error: unknown) => own.log.warn('events stay in the outbox for the next start', { error }));
      await relay.stop();
    });
  }
  const publishIn = (tx: SqlTransaction) =>
    outboxPublisher(tx, { owner: service.name, world, notify: () => relay?.nudge() });
  const engines = await openEngines(service, wanted, sql, publishIn, ground);
  const calls: Record<string, DescService> = service.calls;
  const running = await service.start({
    engines,
    clients: Object.fromEntries(
      Object.entries(calls).map(([name, contract]) => [name, clientOf(contract, service.name)]),
    ),
    publishIn,
    world,
    telemetry: own,
    process: telemetry,
    settings: ground.settings,
  });
  closing.push(async () => running.stop?.());
  const implementations: readonly Implementation[] = running.implementations;
  return {
    service,
    running,
    served: serve(implementations, { world, telemetry: own }),
    sql,
    relay,
  };
}

async function openServiceDatabase(service: AnyService, ground: Ground): Promise<Sql> {
  const sql = await openSql({ url: await ground.databaseUrl(`suuupra_${service.name}`) });
  ground.closing.push(() => sql.close());
  await prepareServiceDatabase(sql);
  await migrateService(sql, service);
  const log = ground.telemetry.forService(service.name).log;
  const prune = () =>
    void pruneServiceDatabase(sql).catch((error: unknown) => log.warn('old inbox rows stay', { error }));
  const timer = setInterval(prune, pruneEveryMs);
  timer.unref();
  ground.closing.push(async () => clearInterval(timer));
  return sql;
}

async function openEngines(
  service: AnyService,
  wanted: ReadonlySet<EngineName>,
  sql: Sql | undefined,
  publishIn: (tx: SqlTransaction) => Publish,
  ground: Ground,
): Promise<Partial<Engines>> {
  const folder = path.join(ground.config.dataFolder, 'objects', service.name);
  return {
    cache: ground.cache,
    mail: ground.mail,
    keys: ground.keys,
    stream: ground.stream,
    ...(sql === undefined ? {} : { sql }),
    ...(sql !== undefined && wanted.has('documents')
      ? { documents: await openEmbeddedDocuments({ sql, publishIn }) }
      : {}),
    ...(wanted.has('objects') ? { objects: await openDiskObjects({ folder, world: ground.world }) } : {}),
    ...(wanted.has('search') ? { search: openEmbeddedSearch() } : {}),
  };
}

async function startConsumers(started: readonly Started[], ground: Ground): Promise<void> {
  const consumers: Consumer[] = [];
  for (const { service, running, sql } of started) {
    const handlers = running.handlers ?? [];
    if (handlers.length === 0 || sql === undefined) continue;
    const telemetry = ground.telemetry.forService(service.name);
    const consumer = await subscribe({ stream: ground.stream, sql, group: service.name, handlers, telemetry });
    consumers.push(consumer);
  }
  ground.closing.push(async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop()));
  });
}

async function openGateway(
  started: readonly Started[],
  transport: Transport,
  ground: Ground,
  door: { readonly open: boolean },
): Promise<Gateway> {
  const { config, world, telemetry, cache, keys } = ground;
  const gateway = await createGateway({
    catalog: {
      services: started.flatMap(({ service }) => service.provides),
      transportOf: () => transport,
      rawRoutes: started.flatMap(({ running }) => running.routes ?? []),
    },
    identity: createClient(IdentityService, transport, { caller: 'gateway', world }),
    cache,
    keys,
    world,
    telemetry: telemetry.forService('gateway'),
    process: telemetry,
    settings: { publicUrl: ground.settings.publicUrl, trustedHops: config.trustedHops },
    dependencies: [
      ...started.flatMap(({ service, sql }) =>
        sql === undefined ? [] : [{ name: service.name, check: () => sql.ping() }],
      ),
      { name: 'stream', check: () => ground.stream.ping() },
      { name: 'mail', check: () => ground.mail.ping() },
      { name: 'start', check: async () => (door.open ? 0 : Promise.reject(new Error('the start is not finished'))) },
    ],
  });
  try {
    await gateway.listen(config.port, config.host);
  } catch (error) {
    throw cannotListen(config, error as NodeJS.ErrnoException);
  }
  return gateway;
}

/** Empties the outboxes and waits until no consumer lags; events may cause events, so it looks twice. Throws after a minute. */
async function settle(started: readonly Started[], stream: Stream): Promise<void> {
  const untilMs = Date.now() + settleMsMax;
  for (let quietRounds = 0; quietRounds < 2; ) {
    for (const { relay } of started) await relay?.drain(drainMs);
    let lag = 0n;
    for (const { service, running } of started) {
      const topics = new Set((running.handlers ?? []).map((handler) => eventRow(handler.schema.typeName)?.owner ?? ''));
      if (topics.size > 0) lag += await stream.lag(service.name, [...topics]);
    }
    quietRounds = lag === 0n ? quietRounds + 1 : 0;
    if (Date.now() > untilMs) throw new Error(`${lag} events were not applied within ${settleMsMax / 1_000} s.`);
    await delay(20);
  }
}

interface ReservedAddress {
  readonly port: number;
  release(): Promise<void>;
}

/**
 * Takes the gateway's address before anything is started, so that a taken port is said at once and a free one, for port
 * 0, stays ours. Nobody is served on it: whoever connects early is sent away.
 */
async function reserveAddress(config: Config): Promise<ReservedAddress> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(config, error)));
    server.listen(config.port, config.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : config.port,
    release: () =>
      new Promise((resolve) => {
        if (server.listening) server.close(() => resolve());
        else resolve();
      }),
  };
}

function cannotListen({ port, host }: Config, error: NodeJS.ErrnoException): Error {
  const reason = { EADDRINUSE: 'is taken', EACCES: 'is not allowed', EADDRNOTAVAIL: 'is not of this machine' };
  const why = reason[error.code as keyof typeof reason];
  if (why === undefined) return error;
  return new ConfigError(`The address ${host}:${port} ${why}; give another with --port or SUUUPRA_HOST.`, {
    cause: error,
  });
}
