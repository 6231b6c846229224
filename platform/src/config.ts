/**
 * Configuration of a process: command line over environment over file over defaults, read once, checked before anything
 * starts. What is wrong stops the start with one sentence that names the setting, what was given and what would do.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isMap, isScalar, isSeq, parseDocument } from 'yaml';

export interface Config {
  /** Names of the services this process runs, the gateway among them; all of them with --all. */
  readonly services: readonly string[] | 'all';
  readonly port: number;
  readonly host: string;
  /** Whether other gateways of this machine listen at the same port. */
  readonly sharedPort: boolean;
  /** Absolute. */
  readonly dataFolder: string;
  /** '' until the port is known: http://127.0.0.1:<port>. */
  readonly publicUrl: string;
  readonly demo: boolean;
  readonly demoPassword: string;
  readonly engines: EngineSettings;
  readonly mesh: MeshSettings;
  /** '' for the local mailbox. */
  readonly smtpUrl: string;
  readonly mailFrom: string;
  readonly logLevel: string;
  readonly traceShare: number;
  readonly otlpEndpoint: string;
  /** Proxies in front of the gateway whose X-Forwarded-For is believed. */
  readonly trustedHops: number;
}

/** Where the engines are; '' or none stands for the embedded one. */
export interface EngineSettings {
  readonly postgresUrl: string;
  /** Read replicas of it. */
  readonly postgresReplicaUrls: readonly string[];
  /** MySQL or MariaDB, for payments and ledger. */
  readonly mysqlUrl: string;
  readonly kafkaUrl: string;
  readonly redisUrl: string;
  readonly mongodbUrl: string;
  readonly opensearchUrl: string;
  readonly s3Url: string;
}

/** How this process and those of the other services find and trust each other. */
export interface MeshSettings {
  /** Address that this process listens at for the others. */
  readonly host: string;
  /** Its door for gRPC; the one for raw routes is at the next port. 0: nobody reaches it. */
  readonly port: number;
  /** Health and metrics, over plain HTTP. 0: none. */
  readonly operatorPort: number;
  /** `host:port` of the gRPC doors of each service that runs elsewhere. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** The folder of this process's certificates. Absolute. */
  readonly certificates: string;
}

/** A sentence for the operator; the process prints it and ends with 1. */
export class ConfigError extends Error {}

export type Settings = Readonly<Record<string, string | undefined>>;

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'];
const addressPrefix = 'SUUUPRA_ADDRESS_';
const addressesMax = 100;

/** Path in the file -> setting. Secrets of payment companies and the like stay in the environment. */
const fileSettings: Readonly<Record<string, string>> = {
  port: 'SUUUPRA_PORT',
  host: 'SUUUPRA_HOST',
  sharedPort: 'SUUUPRA_SHARED_PORT',
  data: 'SUUUPRA_DATA',
  publicUrl: 'SUUUPRA_PUBLIC_URL',
  trustedHops: 'SUUUPRA_TRUSTED_HOPS',
  certificates: 'SUUUPRA_CERTIFICATES',
  'mesh.host': 'SUUUPRA_MESH_HOST',
  'mesh.port': 'SUUUPRA_MESH_PORT',
  'mesh.operatorPort': 'SUUUPRA_OPERATOR_PORT',
  'engines.postgres': 'SUUUPRA_POSTGRES_URL',
  'engines.postgresReplicas': 'SUUUPRA_POSTGRES_REPLICA_URLS',
  'engines.mysql': 'SUUUPRA_MYSQL_URL',
  'engines.kafka': 'SUUUPRA_KAFKA_URL',
  'engines.redis': 'SUUUPRA_REDIS_URL',
  'engines.mongodb': 'SUUUPRA_MONGODB_URL',
  'engines.opensearch': 'SUUUPRA_OPENSEARCH_URL',
  'engines.s3': 'SUUUPRA_S3_URL',
  'mail.smtp': 'SUUUPRA_SMTP_URL',
  'mail.from': 'SUUUPRA_MAIL_FROM',
  'telemetry.logLevel': 'SUUUPRA_LOG_LEVEL',
  'telemetry.traceShare': 'SUUUPRA_TRACE_SHARE',
  'telemetry.otlpEndpoint': 'OTEL_EXPORTER_OTLP_ENDPOINT',
};

export function readConfig(args: readonly string[], env: Settings): Config {
  const { values, positionals } = parse(args);
  const file = values.config ?? env['SUUUPRA_CONFIG']?.trim() ?? '';
  const settings: Settings = { ...(file === '' ? {} : readSettingsFile(path.resolve(file))), ...given(env) };
  const text = (name: string, fallback: string) => settings[name]?.trim() || fallback;
  const port = wholeNumber('SUUUPRA_PORT or --port', values.port ?? text('SUUUPRA_PORT', '3000'), 0, 65_535);
  const demoPassword = text('SUUUPRA_DEMO_PASSWORD', '');
  if (demoPassword !== '' && demoPassword.length < 8) {
    throw new ConfigError(
      'SUUUPRA_DEMO_PASSWORD is shorter than 8 characters; give a longer one, or none to have it made.',
    );
  }
  if (values.all !== true && positionals.length === 0) {
    throw new ConfigError(
      'Nothing to run: say --all, or name the services, e.g. "node apps/main.ts gateway identity".',
    );
  }
  if (values.all === true && positionals.length > 0) {
    throw new ConfigError(`Say --all, or name services (${positionals.join(', ')}), not both.`);
  }
  const dataFolder = path.resolve(values.data ?? text('SUUUPRA_DATA', 'data'));
  return {
    services: values.all === true ? 'all' : [...new Set(positionals)],
    port,
    host: text('SUUUPRA_HOST', '127.0.0.1'),
    sharedPort: oneOf('SUUUPRA_SHARED_PORT', text('SUUUPRA_SHARED_PORT', 'no'), ['yes', 'no']) === 'yes',
    dataFolder,
    publicUrl: url('SUUUPRA_PUBLIC_URL', text('SUUUPRA_PUBLIC_URL', ''), ['http:', 'https:']),
    demo: values['no-demo'] !== true,
    demoPassword,
    engines: readEngines(text),
    mesh: {
      host: text('SUUUPRA_MESH_HOST', '127.0.0.1'),
      port: wholeNumber('SUUUPRA_MESH_PORT', text('SUUUPRA_MESH_PORT', '0'), 0, 65_534),
      operatorPort: wholeNumber('SUUUPRA_OPERATOR_PORT', text('SUUUPRA_OPERATOR_PORT', '0'), 0, 65_535),
      addresses: readAddresses(settings),
      certificates: path.resolve(text('SUUUPRA_CERTIFICATES', path.join(dataFolder, 'certs'))),
    },
    smtpUrl: url('SUUUPRA_SMTP_URL', text('SUUUPRA_SMTP_URL', ''), ['smtp:', 'smtps:']),
    mailFrom: text('SUUUPRA_MAIL_FROM', 'Suuupra <no-reply@suuupra.test>'),
    logLevel: oneOf('SUUUPRA_LOG_LEVEL', text('SUUUPRA_LOG_LEVEL', 'warn'), logLevels),
    traceShare: share('SUUUPRA_TRACE_SHARE', text('SUUUPRA_TRACE_SHARE', '0.05')),
    otlpEndpoint: url('OTEL_EXPORTER_OTLP_ENDPOINT', text('OTEL_EXPORTER_OTLP_ENDPOINT', ''), ['http:', 'https:']),
    trustedHops: wholeNumber('SUUUPRA_TRUSTED_HOPS', text('SUUUPRA_TRUSTED_HOPS', '0'), 0, 10),
  };
}

type Text = (name: string, fallback: string) => string;

function readEngines(text: Text): EngineSettings {
  const one = (name: string, protocols: readonly string[]) => url(name, text(name, ''), protocols);
  const postgres = ['postgres:', 'postgresql:'];
  const replicas = list(text('SUUUPRA_POSTGRES_REPLICA_URLS', ''));
  return {
    postgresUrl: one('SUUUPRA_POSTGRES_URL', postgres),
    postgresReplicaUrls: replicas.map((replica) => url('SUUUPRA_POSTGRES_REPLICA_URLS', replica, postgres)),
    mysqlUrl: one('SUUUPRA_MYSQL_URL', ['mysql:', 'mariadb:']),
    // Of these three the adapters read more than a URL has: several hosts, a bucket.
    kafkaUrl: text('SUUUPRA_KAFKA_URL', ''),
    redisUrl: text('SUUUPRA_REDIS_URL', ''),
    mongodbUrl: one('SUUUPRA_MONGODB_URL', ['mongodb:', 'mongodb+srv:']),
    opensearchUrl: one('SUUUPRA_OPENSEARCH_URL', ['http:', 'https:']),
    s3Url: text('SUUUPRA_S3_URL', ''),
  };
}

/** `SUUUPRA_ADDRESS_ORDERS=10.0.0.5:7100,10.0.0.6:7100` -> orders -> both. */
function readAddresses(settings: Settings): ReadonlyMap<string, readonly string[]> {
  const addresses = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(settings)) {
    if (!name.startsWith(addressPrefix) || value === undefined || value.trim() === '') continue;
    addresses.set(name.slice(addressPrefix.length).toLowerCase(), readHostPorts(name, value));
  }
  return addresses;
}

const hostPort = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/;

function readHostPorts(name: string, given: string): readonly string[] {
  const found = list(given);
  if (found.length > addressesMax) {
    throw new ConfigError(`${name} names ${found.length} addresses; at most ${addressesMax}, or one DNS name for all.`);
  }
  for (const address of found) {
    const port = Number(hostPort.exec(address)?.[1] ?? 0);
    if (port < 1 || port > 65_535) {
      throw new ConfigError(`${name} names "${address}"; an address is host:port, several with commas between them.`);
    }
  }
  return found;
}

function list(given: string): string[] {
  return given
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/** What is set to nothing counts as not set. */
function given(env: Settings): Settings {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''));
}

/**
 * One YAML file of the same settings:
 *
 * ```yaml
 * publicUrl: https://learn.example
 * engines: { postgres: postgres://…, kafka: 'kafka://k1:9092,k2:9092', redis: redis://… }
 * services: { orders: [10.0.0.5:7100, 10.0.0.6:7100], ledger: ledger.suuupra:7100 }
 * ```
 */
function readSettingsFile(file: string): Settings {
  const settings: Record<string, string> = {};
  for (const [key, value] of flatten(file, readYaml(file))) {
    const service = /^services\.([a-z]+)$/.exec(key)?.[1];
    const name = service === undefined ? fileSettings[key] : `${addressPrefix}${service.toUpperCase()}`;
    if (name === undefined) {
      const known = ['services.<name>', ...Object.keys(fileSettings)].join(', ');
      throw new ConfigError(`${file} sets "${key}", which is no setting; there are ${known}.`);
    }
    settings[name] = value;
  }
  return settings;
}

function readYaml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(`The configuration file ${file} cannot be read (${code}).`, { cause: error });
  }
  const document = parseDocument(text, { uniqueKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw new ConfigError(`${file} is not YAML: ${problem.message.split('\n')[0]}`);
  if (document.contents === null) return undefined;
  if (!isMap(document.contents)) throw new ConfigError(`${file} is not a list of settings with their values.`);
  return document.contents;
}

function flatten(file: string, node: unknown, prefix = ''): [string, string][] {
  if (!isMap(node)) return [];
  return node.items.flatMap(({ key, value }): [string, string][] => {
    const name = `${prefix}${isScalar(key) ? String(key.value) : String(key)}`;
    if (isMap(value)) return flatten(file, value, `${name}.`);
    if (isScalar(value)) return [[name, value.value === null ? '' : String(value.value)]];
    if (isSeq(value) && value.items.every((item) => isScalar(item))) {
      return [[name, value.items.map((item) => String((item as { value: unknown }).value)).join(',')]];
    }
    throw new ConfigError(`${file} gives "${name}" neither a value nor a list of values.`);
  });
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        all: { type: 'boolean' },
        port: { type: 'string' },
        data: { type: 'string' },
        config: { type: 'string' },
        'no-demo': { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new ConfigError(
      `${(error as Error).message} Known are --all, --port N, --data DIR, --config FILE and --no-demo.`,
      { cause: error },
    );
  }
}

function wholeNumber(name: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= least && value <= most) return value;
  throw new ConfigError(`${name} is "${given}"; it must be a whole number from ${least} to ${most}.`);
}

function share(name: string, given: string): number {
  const value = Number(given);
  if (given !== '' && value >= 0 && value <= 1) return value;
  throw new ConfigError(`${name} is "${given}"; it must be a number from 0 to 1.`);
}

function oneOf(name: string, given: string, allowed: readonly string[]): string {
  if (allowed.includes(given)) return given;
  throw new ConfigError(`${name} is "${given}"; it must be one of ${allowed.join(', ')}.`);
}

function url(name: string, given: string, protocols: readonly string[]): string {
  if (given === '') return '';
  const parsed = URL.parse(given);
  if (parsed === null || !protocols.includes(parsed.protocol)) {
    throw new ConfigError(
      `${name} is not an address; it must begin with ${protocols.map((p) => `${p}//`).join(' or ')}.`,
    );
  }
  return given.replace(/\/$/, '');
}
