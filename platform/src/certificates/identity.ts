/**
 * Who a certificate speaks for: one URI of the form `spiffe://suuupra/<service>` among its alternative names (SPIFFE's
 * X.509-SVID, section 2: exactly one URI). Host names are for tools; between services the identity alone counts.
 */
import type { PeerCertificate } from 'node:tls';

const prefix = 'spiffe://suuupra/';
/** A service's name: also a DNS label, a folder and a metric's label. */
const nameFormat = /^[a-z][a-z0-9-]{0,62}$/;

export function isIdentityName(name: string): boolean {
  return nameFormat.test(name);
}

export function identityUri(name: string): string {
  return `${prefix}${name}`;
}

/** The name that the certificate speaks for; undefined when it has no identity of ours, or more than one URI. */
export function identityOf(certificate: Pick<PeerCertificate, 'subjectaltname'>): string | undefined {
  const uris = alternativeNames(certificate.subjectaltname ?? '').filter(({ kind }) => kind === 'URI');
  const [uri] = uris;
  if (uris.length !== 1 || uri === undefined || !uri.value.startsWith(prefix)) return undefined;
  const name = uri.value.slice(prefix.length);
  return isIdentityName(name) ? name : undefined;
}

interface AlternativeName {
  readonly kind: string;
  readonly value: string;
}

/** Node joins the names with ", " and writes one that could be misread as a JSON string. */
function alternativeNames(text: string): AlternativeName[] {
  const found = text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy);
  return [...found].map(([, kind = '', value = '']) => ({ kind, value }));
}

/** What is wrong with a peer's certificate, in words for a log; `code` is OpenSSL's, as Node gives it. */
export function wrongOf(code: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'the certificate has expired';
    case 'CERT_NOT_YET_VALID':
      return 'the certificate is not valid yet';
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'CERT_SIGNATURE_FAILURE':
      return 'the certificate is of another authority';
    case 'INVALID_PURPOSE':
      return 'the certificate is not for this use';
    default:
      return `the certificate is refused (${code})`;
  }
}
