/** What all clients of one stream have in common: brokers, security, names, limits of time. */
import { isIP } from 'node:net';
import { Admin, type BaseOptions, type ConnectionOptions, findErrorBy } from '@platformatic/kafka';
import { ConfigError } from '../../config.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { backOffMs } from '../bell.ts';

export interface KafkaSecurity {
  /** TLS to the brokers, whose names are checked. */
  readonly tls?: {
    /** PEM. The authorities that are believed; those of the machine when absent. */
    readonly ca?: string;
    /** PEM. Our own, where the brokers ask for one. */
    readonly certificate?: string;
    readonly key?: string;
  };
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    readonly username: string;
    readonly password: string;
  };
}

/** One stream's view of a cluster. */
export interface Cluster {
  readonly options: BaseOptions;
  readonly connection: ConnectionOptions;
  readonly clientId: string;
  readonly admin: Admin;
  readonly telemetry: Telemetry;
  readonly random: () => number;
  /** The topic as Kafka names it. */
  kafkaName(topic: string): string;
  /** The topic of a name in Kafka; undefined when it is none of ours. */
  topicOf(kafkaName: string): string | undefined;
  readonly deadLetters: string;
  /** The consumer group as Kafka names it. */
  groupName(group: string): string;
}

export const askMsMax = 15_000;
const connectMsMax = 3_000;
const requestMsMax = 10_000;
const retriesMax = 4;
const retryFirstMs = 100;
const retryMostMs = 1_000;
/** New leaders are found by the errors of the old ones; this only bounds how long a wrong picture may stand. */
const metadataMsMax = 60_000;

export interface ClusterOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly telemetry: Telemetry;
  readonly random: () => number;
  readonly topicPrefix: string;
  readonly security: KafkaSecurity | undefined;
}

export function openCluster(options: ClusterOptions): Cluster {
  const { clientId, telemetry, random, topicPrefix, security } = options;
  if (options.brokers.length === 0) {
    throw new ConfigError('No Kafka broker is named; give at least one, such as kafka-1:9092.');
  }
  if (security?.sasl?.mechanism === 'PLAIN' && security.tls === undefined) {
    throw new ConfigError(
      'SASL PLAIN would send the password of Kafka in the clear; use TLS with it, or a SCRAM mechanism.',
    );
  }
  const connection: ConnectionOptions = {
    connectTimeout: connectMsMax,
    requestTimeout: requestMsMax,
    ...(security?.tls === undefined
      ? {}
      : {
          tls: { ca: security.tls.ca, cert: security.tls.certificate, key: security.tls.key },
          // A name for routing by SNI; an address is not allowed there.
          tlsServerName: options.brokers.every((broker) => isIP(broker.slice(0, broker.lastIndexOf(':'))) === 0),
        }),
    ...(security?.sasl === undefined ? {} : { sasl: { ...security.sasl } }),
  };
  const base: BaseOptions = {
    ...connection,
    clientId,
    bootstrapBrokers: [...options.brokers],
    retries: retriesMax,
    retryDelay: (_client, _operation, attempt) => backOffMs(attempt, retryFirstMs, retryMostMs, random),
    metadataMaxAge: metadataMsMax,
    autocreateTopics: false,
  };
  const deadLetters = `${topicPrefix}dead-letters`;
  return {
    options: base,
    connection,
    clientId,
    admin: new Admin(base),
    telemetry,
    random,
    kafkaName: (topic) => `${topicPrefix}${topic}`,
    topicOf: (name) =>
      name.startsWith(topicPrefix) && name !== deadLetters ? name.slice(topicPrefix.length) : undefined,
    deadLetters,
    groupName: (group) => `${topicPrefix}${group}`,
  };
}

/** Rejects when the work takes longer; the work itself goes on to its own limit, and what becomes of it is not told. */
export async function within<T>(work: Promise<T>, msMax: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Kafka did not answer within ${msMax} ms: ${what}`)), msMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the brokers answered with one of these errors (Kafka protocol, error codes). */
export function answered(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.some((name) => findErrorBy(error, 'apiId', name) !== null);
}

const reasonDepthMax = 10;

/** What lies beneath the errors of the tries: a refused password, an unknown authority, a closed port. A sentence. */
export function reasonOf(error: unknown): string {
  let deepest = error;
  for (let depth = 0; depth < reasonDepthMax && deepest instanceof Error; depth += 1) {
    const beneath: unknown = deepest instanceof AggregateError ? deepest.errors.at(-1) : deepest.cause;
    if (beneath === undefined) break;
    deepest = beneath;
  }
  const text = deepest instanceof Error ? deepest.message : String(deepest);
  return text.endsWith('.') ? text : `${text}.`;
}
