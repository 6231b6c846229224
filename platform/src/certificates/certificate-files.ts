/**
 * The certificates of an installation as files, the way Kubernetes names those of a TLS secret:
 *
 * ```
 * <folder>/authority/tls.key, tls.crt    the authority; its key signs and is needed by nothing that runs
 * <folder>/<service>/tls.key, tls.crt    what one service shows
 * <folder>/<service>/ca.crt              whom it believes; may hold several certificates while an authority is replaced
 * ```
 *
 * Keys have mode 0600. A file is written beside its place and renamed, so no reader sees half of one; key and certificate
 * are two files, so a reader takes them only when they belong together (certificates.ts).
 */
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../config.ts';
import { belongTogether, createAuthority, issueCertificate, type KeyAndCertificate } from './authority.ts';
import { isIdentityName } from './identity.ts';

export const keyFile = 'tls.key';
export const certificateFile = 'tls.crt';
export const authorityFile = 'ca.crt';
const authorityFolder = 'authority';

export interface CertificateFilesOptions {
  /** How long a service's certificate holds. Default 90. */
  readonly days?: number;
  /** DNS names and addresses that every certificate also names. */
  readonly hosts?: readonly string[];
  /** `all`: new certificates for everybody. `due` (default): only where one is missing, spoilt or past two thirds of its time. */
  readonly renew?: 'all' | 'due';
  readonly now?: () => number;
}

export interface CertificatesMade {
  /** True when there was none and one was made. */
  readonly newAuthority: boolean;
  /** The services that have a new certificate. */
  readonly issued: readonly string[];
}

export const certificateDaysDefault = 90;
const authorityDays = 10 * 365;
const dayMs = 24 * 60 * 60_000;
/** Clocks of machines differ: a certificate is good a little before it is made. */
const clockSlackMs = 5 * 60_000;

/**
 * Makes what is missing or due; keeps the authority. One process at a time may do this in a folder: of two that begin with
 * an empty one, each would make an authority. Throws ConfigError when what is there cannot be used.
 */
export async function ensureCertificates(
  folder: string,
  names: readonly string[],
  options: CertificateFilesOptions = {},
): Promise<CertificatesMade> {
  const { days = certificateDaysDefault, hosts = [], renew = 'due', now = Date.now } = options;
  for (const name of names) {
    if (!isIdentityName(name) || name === authorityFolder) throw new ConfigError(`"${name}" is no name of a service.`);
  }
  const nowMs = now();
  const { authority, isNew } = await ensureAuthority(path.join(folder, authorityFolder), nowMs);
  const authorityEndsMs = new X509Certificate(authority.certificate).validToDate.getTime();
  if (authorityEndsMs <= nowMs) {
    throw new ConfigError(`The authority in ${folder} has expired; see docs/runbooks/certificates.md for a new one.`);
  }
  const issued: string[] = [];
  for (const name of names) {
    const own = path.join(folder, name);
    if (renew === 'due' && (await isGood(own, authority, nowMs))) continue;
    const notAfter = new Date(Math.min(nowMs + days * dayMs, authorityEndsMs));
    const leaf = await issueCertificate(authority, {
      name,
      hosts,
      notBefore: new Date(nowMs - clockSlackMs),
      notAfter,
    });
    await writeCertificate(own, leaf, authority.certificate);
    issued.push(name);
  }
  return { newAuthority: isNew, issued };
}

/** Puts a service's key, certificate and authorities in its folder. */
export async function writeCertificate(folder: string, leaf: KeyAndCertificate, authorities: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeWhole(path.join(folder, authorityFile), authorities, 0o644);
  await writeWhole(path.join(folder, keyFile), leaf.key, 0o600);
  await writeWhole(path.join(folder, certificateFile), leaf.certificate, 0o644);
}

export async function readAuthority(folder: string): Promise<KeyAndCertificate | undefined> {
  return readPair(path.join(folder, authorityFolder));
}

async function ensureAuthority(
  folder: string,
  nowMs: number,
): Promise<{ authority: KeyAndCertificate; isNew: boolean }> {
  const found = await readPair(folder);
  if (found !== undefined) {
    if (!belongTogether(found)) {
      throw new ConfigError(
        `The authority's key and certificate in ${folder} do not belong together; bring back the right one, or move the folder away and make a new authority.`,
      );
    }
    return { authority: found, isNew: false };
  }
  const validity = { notBefore: new Date(nowMs - clockSlackMs), notAfter: new Date(nowMs + authorityDays * dayMs) };
  const authority = await createAuthority(validity);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeWhole(path.join(folder, keyFile), authority.key, 0o600);
  await writeWhole(path.join(folder, certificateFile), authority.certificate, 0o644);
  return { authority, isNew: true };
}

/** Whole, of this authority, and with at least a third of its time left. */
async function isGood(folder: string, authority: KeyAndCertificate, nowMs: number): Promise<boolean> {
  const pair = await readPair(folder);
  if (pair === undefined || !belongTogether(pair)) return false;
  const certificate = new X509Certificate(pair.certificate);
  const issuer = new X509Certificate(authority.certificate);
  const fromMs = certificate.validFromDate.getTime();
  const toMs = certificate.validToDate.getTime();
  return certificate.verify(issuer.publicKey) && nowMs >= fromMs && nowMs < toMs - (toMs - fromMs) / 3;
}

async function readPair(folder: string): Promise<KeyAndCertificate | undefined> {
  try {
    const [key, certificate] = await Promise.all(
      [keyFile, certificateFile].map((name) => readFile(path.join(folder, name), 'utf8')),
    );
    return key === undefined || certificate === undefined ? undefined : { key, certificate };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(beside, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}
