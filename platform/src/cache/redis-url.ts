/**
 * Where Redis is, in one setting:
 *
 *   redis://user:password@host:6379/0            one server
 *   rediss://…                                   with TLS; ?ca=/path/of/roots.pem for a root of our own
 *   redis+cluster://user:password@host:6379,host:6379   a Redis Cluster, some of its nodes; rediss+cluster:// with TLS
 */
import { ConfigError } from '../config.ts';

export interface RedisPlace {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly isCluster: boolean;
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** 0 in a cluster, which has no other. */
  readonly database: number;
  /** File of certificates to trust instead of the system's. */
  readonly caFile: string | undefined;
}

const form =
  /^redis(?<tls>s?)(?<cluster>\+cluster)?:\/\/(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<hosts>[^@/?#]+)(?:\/(?<database>\d{0,3}))?(?:\?ca=(?<ca>[^&#]+))?$/;
const node = /^(?<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?<port>\d{1,5}))?$/;
const defaultPort = 6_379;

/** Throws ConfigError with a sentence that names `setting` and never the password. */
export function parseRedisUrl(url: string, setting = 'SUUUPRA_REDIS_URL'): RedisPlace {
  const parts = form.exec(url.trim())?.groups;
  if (parts === undefined) {
    throw new ConfigError(
      `${setting} is no address of Redis; it has the form redis://user:password@host:6379/0, with rediss:// for TLS and redis+cluster://host:port,host:port for a cluster.`,
    );
  }
  const nodes = (parts['hosts'] ?? '').split(',').map((text) => {
    const found = node.exec(text)?.groups;
    const port = Number(found?.['port'] ?? defaultPort);
    if (found === undefined || port < 1 || port > 65_535) {
      throw new ConfigError(`${setting} names "${text}", which is not host:port.`);
    }
    return { host: (found['host'] ?? '').replace(/^\[|\]$/g, ''), port };
  });
  const isCluster = parts['cluster'] !== undefined || nodes.length > 1;
  const database = Number(parts['database'] ?? '0');
  if (isCluster && database !== 0)
    throw new ConfigError(`${setting} names database ${database}; a cluster has only 0.`);
  return {
    nodes,
    isCluster,
    isTls: parts['tls'] === 's',
    username: decoded(parts['user'], setting),
    password: decoded(parts['password'], setting),
    database,
    caFile: decoded(parts['ca'], setting),
  };
}

function decoded(text: string | undefined, setting: string): string | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new ConfigError(`${setting} holds a % that escapes nothing; write it as %25.`, { cause: error });
  }
}
