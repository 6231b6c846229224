/**
 * What all services of a process stand on: which engines are behind the ports. Here, and nowhere else, configuration
 * becomes adapters.
 */
import path from 'node:path';
import type { Cache } from '@suuupra/platform/cache/cache';
import { openEmbeddedCache } from '@suuupra/platform/cache/cache-embedded';
import { type Config, ConfigError } from '@suuupra/platform/config';
import { openEmbeddedDocuments } from '@suuupra/platform/documents/documents-embedded';
import type { Keys } from '@suuupra/platform/keys/keys';
import { openKeyring } from '@suuupra/platform/keys/keys-file';
import type { Mail } from '@suuupra/platform/mail/mail';
import { openMailbox } from '@suuupra/platform/mail/mail-mailbox';
import { openSmtp } from '@suuupra/platform/mail/mail-smtp';
import { openDiskObjects } from '@suuupra/platform/objects/objects-disk';
import { openEmbeddedSearch } from '@suuupra/platform/search/search-embedded';
import type { AnyService, EngineName, Engines, ServiceSettings } from '@suuupra/platform/service';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { migrateService, prepareServiceDatabase, pruneServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import { startEmbeddedPostgres } from '@suuupra/platform/sql/sql-embedded';
import { ensureMysqlDatabaseUrl } from '@suuupra/platform/sql/sql-mysql';
import { ensureDatabaseUrl, openPostgres } from '@suuupra/platform/sql/sql-postgres';
import type { Publish } from '@suuupra/platform/stream/outbox';
import type { Stream } from '@suuupra/platform/stream/stream';
import { openEmbeddedStream } from '@suuupra/platform/stream/stream-embedded';
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
  readonly closing: Closing;
}

export async function layGround(config: Config, closing: Closing): Promise<Ground> {
  makeDataFolder(config);
  const world = realWorld();
  const telemetry = openTelemetry(config);
  closing.push(() => telemetry.close());
  const keys = await openKeyring(path.join(config.dataFolder, 'keys.json'));
  const hold: Hold = { mine: false };
  const log = telemetry.forService('sql').log;
  const databaseUrl = await openDatabases(config, keys, hold, log, closing);
  return {
    config,
    world,
    telemetry,
    keys,
    mail: await openMail(config, world, closing),
    cache: openEmbeddedCache({ world }),
    stream: await openStream({ config, world, telemetry, hold, databaseUrl }, closing),
    databaseUrl,
    settings: { publicUrl: config.publicUrl || `http://${config.host}:${config.port}`, demo: config.demo },
    closing,
  };
}

interface StreamParts extends Pick<Ground, 'config' | 'world' | 'telemetry' | 'databaseUrl'> {
  readonly hold: Hold;
}

async function openStream(
  { config, world, telemetry, hold, databaseUrl }: StreamParts,
  closing: Closing,
): Promise<Stream> {
  const sql = await openPostgres({ url: await databaseUrl('suuupra_stream') });
  closing.push(() => sql.close());
  if (config.engines.postgresUrl === '') await holdAlone(sql, config, hold, telemetry.forService('sql').log, closing);
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

/** The service's own database, with its tables up to date; undefined when it asks for none. */
export async function openServiceDatabase(service: AnyService, ground: Ground): Promise<Sql | undefined> {
  const wanted = new Set<EngineName>(service.engines);
  if (!wanted.has('sql') && !wanted.has('documents')) return undefined;
  const name = `suuupra_${service.name}`;
  const { config } = ground;
  const url = isOnMysql(service, config)
    ? await ensureMysqlDatabaseUrl(config.engines.mysqlUrl, name)
    : await ground.databaseUrl(name);
  const sql = await openSql({ url });
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
  sql: Sql | undefined,
  publishIn: (tx: SqlTransaction) => Publish,
  ground: Ground,
): Promise<Partial<Engines>> {
  const wanted = new Set<EngineName>(service.engines);
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

/** What two processes would each have for themselves and take for shared; said at the start. */
export function requireEngines(_config: Config): void {
  if (_config.engines.postgresReplicaUrls.length > 0 && _config.engines.postgresUrl === '') {
    throw new ConfigError('SUUUPRA_POSTGRES_REPLICA_URLS names replicas of no server; set SUUUPRA_POSTGRES_URL too.');
  }
}
