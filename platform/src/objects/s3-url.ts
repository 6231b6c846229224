/**
 * Where objects are, in one setting: `s3+https://KEY:SECRET@host:port/bucket/prefix?region=eu-central-1`, or `s3+http://…`
 * within a machine. `&style=host` puts the bucket before the host, as AWS likes it; else it is in the path. Characters of
 * the key and the secret that mean something in an address are escaped (`/` is %2F).
 */
import { ConfigError } from '../config.ts';

export interface S3Place {
  readonly endpoint: string;
  readonly bucket: string;
  /** '' or ends with a slash. */
  readonly prefix: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly isPathStyle: boolean;
}

const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const prefixPattern = /^([A-Za-z0-9._-]+\/)*$/;

/** Throws ConfigError with a sentence that names `setting` and never the keys. */
export function parseS3Url(text: string, setting = 'SUUUPRA_S3_URL'): S3Place {
  const url = URL.parse(text.trim());
  if (url === null || !['s3+http:', 's3+https:'].includes(url.protocol) || url.host === '') {
    throw new ConfigError(
      `${setting} is no address of S3; it has the form s3+https://KEY:SECRET@host/bucket?region=eu-central-1.`,
    );
  }
  if (url.username === '' || url.password === '') {
    throw new ConfigError(`${setting} lacks the keys; they come before the host: s3+https://KEY:SECRET@host/bucket.`);
  }
  const [bucket = '', ...rest] = url.pathname.slice(1).split('/').filter(Boolean);
  const prefix = rest.map((part) => `${part}/`).join('');
  if (!bucketPattern.test(bucket)) {
    throw new ConfigError(
      `${setting} names the bucket "${bucket}"; a bucket has 3 to 63 small letters, digits, dots and hyphens.`,
    );
  }
  if (!prefixPattern.test(prefix)) {
    throw new ConfigError(
      `${setting} names the prefix "${prefix}"; it has letters, digits, dots, hyphens and slashes.`,
    );
  }
  const style = url.searchParams.get('style') ?? 'path';
  if (style !== 'path' && style !== 'host') {
    throw new ConfigError(`${setting} has style=${style}; it must be path or host.`);
  }
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'region' && name !== 'style');
  if (unknown !== undefined) throw new ConfigError(`${setting} has "${unknown}"; known are region and style.`);
  return {
    endpoint: `${url.protocol.slice(3)}//${url.host}`,
    bucket,
    prefix,
    region: url.searchParams.get('region') ?? 'us-east-1',
    accessKeyId: decoded(url.username, setting),
    secretAccessKey: decoded(url.password, setting),
    isPathStyle: style === 'path',
  };
}

function decoded(text: string, setting: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new ConfigError(`${setting} holds a % that escapes nothing; write it as %25.`, { cause: error });
  }
}
