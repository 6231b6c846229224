/** A certificate of a server for the tests, made by the authority that this platform has for its own. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { issueCertificate } from '@suuupra/platform/certificates/authority';
import { newAuthority } from '@suuupra/platform/testing-certificates';
import type { ServerTls } from './engine.ts';

export interface ServerCertificate extends ServerTls {
  /** An authority that did not sign it. */
  readonly strangerFile: string;
  remove(): void;
}

/** For 127.0.0.1 and localhost, good for an hour. The server must run under the account of this process. */
export async function serverCertificate(name: string): Promise<ServerCertificate> {
  const folder = mkdtempSync(path.join(tmpdir(), `suuupra-${name}-certificate-`));
  chmodSync(folder, 0o700);
  const [authority, stranger] = await Promise.all([newAuthority(), newAuthority()]);
  const notBefore = new Date(Date.now() - 60_000);
  const leaf = await issueCertificate(authority, { name, notBefore, notAfter: new Date(Date.now() + 3_600_000) });
  const write = (file: string, text: string) => {
    const place = path.join(folder, file);
    writeFileSync(place, text, { mode: 0o600 });
    return place;
  };
  return {
    keyFile: write('key.pem', leaf.key),
    certificateFile: write('certificate.pem', leaf.certificate),
    authorityFile: write('authority.pem', authority.certificate),
    strangerFile: write('stranger.pem', stranger.certificate),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
