/** The calling side: what a TLS connection to a service shows, believes and demands. */
import type { PeerCertificate } from 'node:tls';
import type { Certificates } from './certificates.ts';
import { identityOf } from './identity.ts';

/** Refuses a peer that is not `service`, wherever it is: addresses move, identities do not. Used as checkServerIdentity. */
export function demandService(service: string): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, certificate) => {
    const found = identityOf(certificate);
    if (found === service) return undefined;
    return new Error(`the certificate is of ${found ?? 'no service'}, not of ${service}`);
  };
}

/** For a connection made now. The name sent in the handshake is the service's, since addresses may not be (RFC 6066, 3). */
export function connectionTo(service: string, certificates: Certificates) {
  const { key, certificate, authorities } = certificates.current();
  return {
    key,
    cert: certificate,
    ca: authorities,
    minVersion: 'TLSv1.3' as const,
    servername: service,
    checkServerIdentity: demandService(service),
  };
}
