/**
 * What a process shows and believes on its connections, read from its files and read again while it runs: who makes a
 * connection takes what holds at that moment, so a new certificate needs no restart and cuts nobody.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../config.ts';
import type { Log } from '../telemetry/telemetry.ts';
import { belongTogether } from './authority.ts';
import { authorityFile, certificateFile, keyFile } from './certificate-files.ts';
import { identityOf } from './identity.ts';

/** PEM bytes. */
export interface Credentials {
  readonly key: Buffer;
  readonly certificate: Buffer;
  /** The authorities believed: one or, while one is replaced, several. */
  readonly authorities: Buffer;
  readonly expiresAtMs: number;
}

export interface Certificates {
  /** The service that the certificate speaks for. */
  readonly name: string;
  /** What holds now. The same object until it changes. */
  current(): Credentials;
  /** Told of each change; gives back how to stop it. */
  onChange(listener: (credentials: Credentials) => void): () => void;
  /** Looks at the files now instead of at the next turn. */
  look(): Promise<void>;
  close(): void;
}

export interface CertificatesOptions {
  /** Holds tls.key, tls.crt and ca.crt, as certificate-files.ts writes them or a mounted secret has them. */
  readonly folder: string;
  /** The service the certificate must be of. */
  readonly name: string;
  readonly log?: Pick<Log, 'info' | 'warn' | 'error'>;
  /** How often the files are looked at. Default 10,000. */
  readonly lookEveryMs?: number;
  readonly now?: () => number;
}

const lookEveryMsDefault = 10_000;
/** A certificate so near its end is spoken of at every hour that it is seen. */
const warnBeforeMs = 7 * 24 * 60 * 60_000;
const warnEveryMs = 60 * 60_000;

/** Throws ConfigError when the files are missing, are not of this service, or do not belong together. */
export async function openCertificates(options: CertificatesOptions): Promise<Certificates> {
  const { folder, name, log, now = Date.now } = options;
  let current = await read(folder, name);
  const listeners = new Set<(credentials: Credentials) => void>();
  const warnings = { expiry: 0, trouble: '' };
  const look = async () => {
    try {
      const found = await read(folder, name);
      warnings.trouble = '';
      if (!isSame(found, current)) {
        current = found;
        log?.info('new certificates are in use', { name, expiresAt: new Date(found.expiresAtMs).toISOString() });
        for (const listener of listeners) listener(found);
      }
    } catch (error) {
      // Half of a change, or a spoilt file: what holds goes on to hold, and it is said once.
      const text = String(error);
      if (warnings.trouble !== text) log?.warn('the certificates on disk cannot be used; the old ones stay', { error });
      warnings.trouble = text;
    }
    warnOfExpiry(current, name, log, now(), warnings);
  };
  const timer = setInterval(() => void look(), options.lookEveryMs ?? lookEveryMsDefault);
  timer.unref();
  return {
    name,
    current: () => current,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look,
    close: () => {
      clearInterval(timer);
      listeners.clear();
    },
  };
}

async function read(folder: string, name: string): Promise<Credentials> {
  const [key, certificate, authorities] = await Promise.all(
    [keyFile, certificateFile, authorityFile].map((file) => readOne(folder, file)),
  );
  if (key === undefined || certificate === undefined || authorities === undefined) throw new Error('nothing was read');
  if (!belongTogether({ key: String(key), certificate: String(certificate) })) {
    throw new ConfigError(`${keyFile} and ${certificateFile} in ${folder} do not belong together.`);
  }
  const parsed = new X509Certificate(certificate);
  const found = identityOf({ subjectaltname: parsed.subjectAltName ?? '' });
  if (found !== name) {
    throw new ConfigError(
      `The certificate in ${folder} is of ${found ?? 'no service'}, not of ${name}; make one with "npm run certs".`,
    );
  }
  return { key, certificate, authorities, expiresAtMs: parsed.validToDate.getTime() };
}

async function readOne(folder: string, file: string): Promise<Buffer> {
  try {
    return await readFile(path.join(folder, file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(`${path.join(folder, file)} cannot be read (${code}); make it with "npm run certs".`, {
      cause: error,
    });
  }
}

function isSame(a: Credentials, b: Credentials): boolean {
  return a.key.equals(b.key) && a.certificate.equals(b.certificate) && a.authorities.equals(b.authorities);
}

function warnOfExpiry(
  { expiresAtMs }: Credentials,
  name: string,
  log: CertificatesOptions['log'],
  nowMs: number,
  warnings: { expiry: number },
): void {
  if (nowMs < expiresAtMs - warnBeforeMs || nowMs < warnings.expiry + warnEveryMs) return;
  warnings.expiry = nowMs;
  const expiresAt = new Date(expiresAtMs).toISOString();
  if (nowMs >= expiresAtMs) log?.error('the certificate has expired; new connections are refused', { name, expiresAt });
  else log?.warn('the certificate expires soon', { name, expiresAt });
}
