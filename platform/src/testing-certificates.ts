/** Certificates for tests: an authority in a folder of its own, with whatever is wrong that a test asks for. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createAuthority, issueCertificate, type KeyAndCertificate } from './certificates/authority.ts';
import { writeCertificate } from './certificates/certificate-files.ts';
import { type Certificates, openCertificates } from './certificates/certificates.ts';
import type { Log } from './telemetry/telemetry.ts';

export interface TestAuthority {
  readonly folder: string;
  readonly authority: KeyAndCertificate;
  /** Writes a certificate of the service and opens it. It is good from an hour ago until in an hour, unless said otherwise. */
  open(name: string, changes?: LeafChanges): Promise<Certificates>;
  /** Writes a new certificate over the one that `open` wrote, and looks at it. */
  renew(certificates: Certificates, changes?: LeafChanges): Promise<void>;
  close(): Promise<void>;
}

export interface LeafChanges {
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** Signs in place of this one. */
  readonly signer?: KeyAndCertificate;
  /** Believed in place of this one; PEM. */
  readonly believes?: string;
  readonly log?: Pick<Log, 'info' | 'warn' | 'error'>;
}

const hourMs = 60 * 60_000;

export async function openTestAuthority(): Promise<TestAuthority> {
  const folder = await mkdtemp(path.join(tmpdir(), 'suuupra-certificates-'));
  const authority = await newAuthority();
  const opened: Certificates[] = [];
  let made = 0;
  const folders = new Map<Certificates, string>();
  const write = async (into: string, name: string, changes: LeafChanges) => {
    const { signer = authority, believes = authority.certificate, notBeforeMs, notAfterMs } = changes;
    const leaf = await issueCertificate(signer, {
      name,
      notBefore: new Date(notBeforeMs ?? Date.now() - hourMs),
      notAfter: new Date(notAfterMs ?? Date.now() + hourMs),
    });
    await writeCertificate(into, leaf, believes);
  };
  return {
    folder,
    authority,
    open: async (name, changes = {}) => {
      made += 1;
      const own = path.join(folder, `${name}-${made}`);
      await write(own, name, changes);
      const certificates = await openCertificates({ folder: own, name, ...(changes.log && { log: changes.log }) });
      folders.set(certificates, own);
      opened.push(certificates);
      return certificates;
    },
    renew: async (certificates, changes = {}) => {
      await write(folders.get(certificates) ?? folder, certificates.name, changes);
      await certificates.look();
    },
    close: async () => {
      for (const each of opened) each.close();
      await rm(folder, { recursive: true });
    },
  };
}

export function newAuthority(): Promise<KeyAndCertificate> {
  return createAuthority({
    notBefore: new Date(Date.now() - 2 * hourMs),
    notAfter: new Date(Date.now() + 24 * hourMs),
  });
}
