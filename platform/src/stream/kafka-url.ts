/**
 * The address of a Kafka cluster as one setting:
 * `kafka://host:port,host:port?replication=3&partitions=8`, or with TLS and a password
 * `kafkas://user:password@host:port,host:port?mechanism=SCRAM-SHA-512&ca=/etc/kafka/ca.pem`.
 */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../config.ts';
import type { KafkaSecurity } from './kafka/cluster.ts';

export interface KafkaPlace {
  /** `host:port` of some brokers. */
  readonly brokers: readonly string[];
  readonly partitions?: number;
  readonly replication?: number;
  readonly security?: KafkaSecurity;
}

const form = /^(kafkas?):\/\/(?:([^:@/]+):([^@/]+)@)?([^/?@]+)\/?(?:\?(.*))?$/;
const broker = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/;
const known = ['replication', 'partitions', 'mechanism', 'ca'];
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const partitionsMax = 1_000;
const replicationMax = 15;

/** Throws ConfigError with a sentence that names the setting; it never repeats a password. */
export function parseKafkaUrl(text: string, setting = 'SUUUPRA_KAFKA_URL'): KafkaPlace {
  const [, scheme, user, password, hosts = '', query] = form.exec(text) ?? [];
  const brokers = hosts.split(',').filter((each) => each !== '');
  if (scheme === undefined || brokers.length === 0 || !brokers.every((each) => broker.test(each))) {
    throw new ConfigError(
      `${setting} is not of the form kafka://host:port,host:port or kafkas://user:password@host:port.`,
    );
  }
  const options = new URLSearchParams(query ?? '');
  for (const name of options.keys()) {
    if (!known.includes(name)) throw new ConfigError(`${setting} has "${name}"; it may have ${known.join(', ')}.`);
  }
  const security = readSecurity(setting, scheme === 'kafkas', { user, password }, options);
  const partitions = readCount(setting, options, 'partitions', partitionsMax);
  const replication = readCount(setting, options, 'replication', replicationMax);
  return {
    brokers,
    ...(partitions === undefined ? {} : { partitions }),
    ...(replication === undefined ? {} : { replication }),
    ...(security === undefined ? {} : { security }),
  };
}

interface Account {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

function readSecurity(
  setting: string,
  encrypted: boolean,
  { user, password }: Account,
  options: URLSearchParams,
): KafkaSecurity | undefined {
  const file = options.get('ca');
  if (!encrypted && file !== null) throw new ConfigError(`${setting} names a ca without TLS; begin it with kafkas://.`);
  const tls = encrypted ? { tls: file === null ? {} : { ca: readAuthority(setting, file) } } : {};
  const wanted = options.get('mechanism') ?? 'SCRAM-SHA-512';
  const mechanism = mechanisms.find((each) => each === wanted);
  if (mechanism === undefined)
    throw new ConfigError(`${setting} has the mechanism "${wanted}"; it may be ${mechanisms.join(', ')}.`);
  if (user === undefined || password === undefined) return encrypted ? tls : undefined;
  const sasl = { mechanism, username: decodeURIComponent(user), password: decodeURIComponent(password) };
  return { ...tls, sasl };
}

function readAuthority(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${setting} names the ca ${file}, which cannot be read.`, { cause: error });
  }
}

function readCount(setting: string, options: URLSearchParams, name: string, most: number): number | undefined {
  const given = options.get(name);
  if (given === null) return undefined;
  const count = Number(given);
  if (/^\d+$/.test(given) && count >= 1 && count <= most) return count;
  throw new ConfigError(`${setting} has ${name}=${given}; it must be a whole number from 1 to ${most}.`);
}
