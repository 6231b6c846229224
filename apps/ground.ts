/**
 * What all services of a process stand on: which engines are behind the ports. Here, and nowhere else, configuration
 * becomes adapters.
 */
import { hostname } from 'node:os';
import path from 'node:path';
import type { Dependency } from '@suuupra/gateway/readiness';
import type { Cache } from '@suuupra/platform/cache/cache';
import { openEmbeddedCache } from '@suuupra/platform/cache/cache-embedded';
import { openRedisCache } from '@suuupra/platform/cache/cache-redis';
import { parseRedisUrl } from '@suuupra/platform/cache/redis-url';
import { type Config, ConfigError } from '@suuupra/platform/config';
import { openEmbeddedDocuments } from '@suuupra/platform/documents/documents-embedded';
import { type MongodbDocuments, openMongodbDocuments } from '@suuupra/platform/documents/documents-mongodb';
import type { Keys } from '@suuupra/platform/keys/keys';
import { openKeyring } from '@suuupra/platform/keys/keys-file';
import type { Mail } from '@suuupra/platform/mail/mail';
import { openMailbox } from '@suuupra/platform/mail/mail-mailbox';
import { openSmtp } from '@suuupra/platform/mail/mail-smtp';
import type { Objects } from '@suuupra/platform/objects/objects';
import { openDiskObjects } from '@suuupra/platform/objects/objects-disk';
import { openS3Objects } from '@suuupra/platform/objects/objects-s3';
import { parseS3Url } from '@suuupra/platform/objects/s3-url';
import type { SearchIndex } from '@suuupra/platform/search/search';
import { openEmbeddedSearch } from '@suuupra/platform/search/search-embedded';
import { openOpenSearch } from '@suuupra/platform/search/search-opensearch';
import type { AnyService, EngineName, Engines, ServiceSettings } from '@suuupra/platform/service';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { migrateService, prepareServiceDatabase, pruneServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import { startEmbeddedPostgres } from '@suuupra/platform/sql/sql-embedded';
import { ensureMysqlDatabaseUrl } from '@suuupra/platform/sql/sql-mysql';
import { databaseUrlOn, ensureDatabaseUrl, openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { parseKafkaUrl } from '@suuupra/platform/stream/kafka-url';
import type { Publish } from '@suuupra/platform/stream/outbox';
import { sqlOutbox } from '@suuupra/platform/stream/outbox-sql';
import type { OutboxStore } from '@suuupra/platform/stream/outbox-store';
import type { Stream } from '@suuupra/platform/stream/stream';
import { openEmbeddedStream } from '@suuupra/platform/stream/stream-embedded';
import { openKafkaStream } from '@suuupra/platform/stream/stream-kafka';
import {
  withMongodbSpans,
  withOpenSearchSpans,
  withRedisSpans,
  withS3Spans,
} from '@suuupra/platform/telemetry/engine-spans';
import type { Log, ProcessTelemetry } from '@suuupra/platform/telemetry/telemetry';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { realWorld, type World } from '@suuupra/platform/world';
import { type Hold, holdAlone, makeDataFolder } from './data-folder.ts';

const pruneEveryMs = 60 * 60_000;

/** Run backwards at the stop. */
export type Closing = (() => Promise<void>)[];

export interface Ground {
  readonly config: Config;
  readonly world: World;
  readonly telemetry: ProcessTelemetry;
  readonly keys: Keys;
  readonly mail: Mail;
  readonly cache: Cache;
  readonly stream: Stream;
  /** The URL of a database of this name, made when it is not there. */
  readonly databaseUrl: (name: string) => Promise<string>;
  readonly settings: ServiceSettings;
  /** Engines that are asked whether they answer, beside databases and the stream; services add theirs. */
  readonly watched: Watched[];
  readonly closing: Closing;
}

export interface Watched extends Dependency {
  /** The service that cannot serve without it; absent where the work goes on. */
  readonly neededBy?: string;
}

export async function layGround(config: Config, closing: Closing): Promise<Ground> {
  makeDataFolder(config);
  const world = realWorld();
  const { host, port } = config.mesh;
  // An address that means "all of mine" names nobody.
  const named = ['0.0.0.0', '::'].includes(host) ? hostname() : host;
  const telemetry = openTelemetry({ ...config, ...(port === 0 ? {} : { instance: `${named}:${port}` }) });
  closing.push(() => telemetry.close());
  const keys = await openKeyring(path.join(config.dataFolder, 'keys.json'));
  const hold: Hold = { mine: false };
  const log = telemetry.forService('sql').log;
  const cache = await openCache(config, world, telemetry, closing);
  const databaseUrl = await openDatabases(config, keys, hold, log, closing);
  return {
    config,
    world,
    telemetry,
    keys,
    mail: await openMail(config, world, closing),
    cache,
    stream: await openStream({ config, world, telemetry, hold, databaseUrl }, closing),
    databaseUrl,
    watched: config.engines.redisUrl === '' ? [] : [{ name: 'cache', check: () => cache.ping(), background: true }],
    settings: { publicUrl: config.publicUrl || `http://${config.host}:${config.port}`, demo: config.demo },
    closing,
  };
}

/** Without Redis each process counts by itself. */
async function openCache(
  { engines: { redisUrl } }: Config,
  world: World,
  telemetry: ProcessTelemetry,
  closing: Closing,
): Promise<Cache> {
  if (redisUrl === '') return openEmbeddedCache({ world });
  const cache = await openRedisCache({ url: redisUrl, telemetry: telemetry.forService('cache') });
  closing.push(() => cache.close());
  return withRedisSpans(cache, telemetry.forService('cache'));
}

interface StreamParts extends Pick<Ground, 'config' | 'world' | 'telemetry' | 'databaseUrl'> {
  readonly hold: Hold;
}

async function openStream(
  { config, world, telemetry, hold, databaseUrl }: StreamParts,
  closing: Closing,
): Promise<Stream> {
  const { kafkaUrl, postgresUrl } = config.engines;
  if (kafkaUrl !== '') {
    const clientId = `suuupra-${config.services === 'all' ? 'all' : config.services.join('-')}`;
    const stream = await openKafkaStream({
      ...parseKafkaUrl(kafkaUrl),
      clientId,
      telemetry: telemetry.forService('stream'),
      world,
    });
    closing.push(() => stream.close());
    return stream;
  }
  const sql = await openPostgres({ url: await databaseUrl('suuupra_stream') });
  closing.push(() => sql.close());
  if (postgresUrl === '') await holdAlone(sql, config, hold, telemetry.forService('sql').log, closing);
  const stream = await openEmbeddedStream({ sql, telemetry: telemetry.forService('stream'), world });
  closing.push(() => stream.close());
  return stream;
}

async function openMail(config: Config, world: World, closing: Closing): Promise<Mail> {
  if (config.smtpUrl === '') return openMailbox({ folder: path.join(config.dataFolder, 'mail'), world });
  const smtp = await openSmtp({ url: config.smtpUrl, from: config.mailFrom });
  closing.push(() => smtp.close());
  return smtp;
}

async function openDatabases(
  { dataFolder, engines }: Config,
  keys: Keys,
  hold: Hold,
  log: Log,
  closing: Closing,
): Promise<Ground['databaseUrl']> {
  if (engines.postgresUrl !== '') return (name) => ensureDatabaseUrl(engines.postgresUrl, name);
  const password = Buffer.from(await keys.secret('postgres')).toString('base64url');
  const server = await startEmbeddedPostgres({
    folder: path.join(dataFolder, 'postgres'),
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

/** The services whose stores are written for both dialects. */
function isOnMysql(service: AnyService, { engines }: Config): boolean {
  return engines.mysqlUrl !== '' && service.migrations !== undefined && !(service.migrations instanceof URL);
}

/** What a service keeps its state in, and where the events wait that it has told. */
export interface ServiceStore {
  readonly sql: Sql | undefined;
  readonly mongodb: MongodbDocuments | undefined;
  readonly outbox: OutboxStore | undefined;
}

/**
 * The service's own database, with its tables up to date. `told` is called when something waits in the outbox that no
 * transaction of ours knows of.
 */
export async function openServiceStore(service: AnyService, ground: Ground, told: () => void): Promise<ServiceStore> {
  const wanted = new Set<EngineName>(service.engines);
  const onMongodb = wanted.has('documents') && ground.config.engines.mongodbUrl !== '';
  const sql =
    wanted.has('sql') || (wanted.has('documents') && !onMongodb) ? await openTables(service, ground) : undefined;
  const mongodb = onMongodb ? await openMongodb(service, ground, told) : undefined;
  if (sql !== undefined && mongodb !== undefined) {
    throw new Error(`${service.name} asks for sql and documents, which have one outbox together only on PostgreSQL`);
  }
  return { sql, mongodb, outbox: mongodb?.outbox ?? (sql === undefined ? undefined : sqlOutbox(sql)) };
}

async function openMongodb(service: AnyService, ground: Ground, notify: () => void): Promise<MongodbDocuments> {
  const { config, world, telemetry, closing } = ground;
  const documents = await openMongodbDocuments({
    url: config.engines.mongodbUrl,
    database: `suuupra_${service.name}`,
    owner: service.name,
    world,
    telemetry: telemetry.forService(service.name),
    notify,
  });
  closing.push(() => documents.close());
  return withMongodbSpans(documents, telemetry.forService(service.name));
}

async function openTables(service: AnyService, ground: Ground): Promise<Sql> {
  const name = `suuupra_${service.name}`;
  const { engines } = ground.config;
  const onMysql = isOnMysql(service, ground.config);
  const url = onMysql ? await ensureMysqlDatabaseUrl(engines.mysqlUrl, name) : await ground.databaseUrl(name);
  const replicaUrls = onMysql ? [] : engines.postgresReplicaUrls.map((replica) => databaseUrlOn(replica, name));
  const sql = await openSql({ url, replicaUrls, telemetry: ground.telemetry.forService(service.name) });
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

export async function openServiceEngines(
  service: AnyService,
  { sql, mongodb }: ServiceStore,
  publishIn: (tx: SqlTransaction) => Publish,
  ground: Ground,
): Promise<Partial<Engines>> {
  const wanted = new Set<EngineName>(service.engines);
  return {
    cache: ground.cache,
    mail: ground.mail,
    keys: ground.keys,
    stream: ground.stream,
    ...(sql === undefined ? {} : { sql }),
    ...(mongodb === undefined ? {} : { documents: mongodb }),
    ...(sql !== undefined && wanted.has('documents')
      ? { documents: await openEmbeddedDocuments({ sql, publishIn }) }
      : {}),
    ...(wanted.has('objects') ? { objects: await openObjects(service, ground) } : {}),
    ...(wanted.has('search') ? { search: await openSearch(service, ground) } : {}),
  };
}

/** An index of this process alone, or one that all processes of the service share. */
async function openSearch({ name }: AnyService, { config, telemetry, closing, watched }: Ground): Promise<SearchIndex> {
  const { opensearchUrl } = config.engines;
  const index =
    opensearchUrl === ''
      ? openEmbeddedSearch()
      : await openOpenSearch({ url: opensearchUrl, name: `suuupra-${name}`, telemetry: telemetry.forService(name) });
  closing.push(() => index.close());
  if (opensearchUrl !== '') watched.push({ name: 'search index', check: () => index.ping(), neededBy: name });
  return opensearchUrl === '' ? index : withOpenSearchSpans(index, telemetry.forService(name));
}

const sweepEveryMs = 60 * 60_000;

/** A folder of this machine, or a bucket that every process reaches. */
async function openObjects(
  { name }: AnyService,
  { config, world, telemetry, closing, watched }: Ground,
): Promise<Objects> {
  const { s3Url } = config.engines;
  if (s3Url === '') return openDiskObjects({ folder: path.join(config.dataFolder, 'objects', name), world });
  const objects = await openS3Objects({ url: s3Url, owner: name, world });
  watched.push({ name: `files of ${name}`, check: () => objects.ping(), background: true });
  const { log } = telemetry.forService(name);
  const sweep = () => {
    objects.sweep().catch((error: unknown) => log.warn('uploads that were broken off stay', { error }));
  };
  const timer = setInterval(sweep, sweepEveryMs);
  timer.unref();
  closing.push(async () => {
    clearInterval(timer);
    objects.close();
  });
  return withS3Spans(objects, telemetry.forService(name), s3Url);
}

/** Looks at the addresses of engines before anything starts. Throws ConfigError with a sentence. */
export function checkEngines({ engines }: Config): void {
  if (engines.kafkaUrl !== '') parseKafkaUrl(engines.kafkaUrl);
  if (engines.kafkaUrl !== '' && engines.postgresUrl === '') {
    throw new ConfigError('SUUUPRA_KAFKA_URL needs SUUUPRA_POSTGRES_URL too: the embedded database is one process’s.');
  }
  if (engines.redisUrl !== '') parseRedisUrl(engines.redisUrl);
  if (engines.s3Url !== '') parseS3Url(engines.s3Url);
  if (engines.postgresReplicaUrls.length > 0 && engines.postgresUrl === '') {
    throw new ConfigError('SUUUPRA_POSTGRES_REPLICA_URLS names replicas of no server; set SUUUPRA_POSTGRES_URL too.');
  }
}
