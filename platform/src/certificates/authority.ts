/**
 * A certificate authority for the services of one installation: ECDSA P-256, certificates as RFC 5280 has them, made
 * with @peculiar/x509 and Node's own cryptography. It signs; where the results are kept is certificate-files.ts.
 */
import './reflect-metadata.ts';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { identityUri, isIdentityName } from './identity.ts';

/** PEM texts. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly certificate: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface LeafOptions extends Validity {
  /** The service it speaks for: its `spiffe://suuupra/<name>`. */
  readonly name: string;
  /** DNS names and IP addresses besides the name itself, `localhost` and the loopback addresses. */
  readonly hosts?: readonly string[];
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** RFC 5280, 4.1.2.2: at most 20 octets, positive. */
const serialBytes = 16;

export async function createAuthority(validity: Validity): Promise<KeyAndCertificate> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: 'CN=Suuupra service authority',
      ...validity,
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto as unknown as Crypto,
  );
  return { key: await keyPem(keys.privateKey), certificate: `${certificate.toString('pem')}\n` };
}

/** A new key and a certificate of it for one service, good for both ends of a connection. */
export async function issueCertificate(authority: KeyAndCertificate, leaf: LeafOptions): Promise<KeyAndCertificate> {
  if (!isIdentityName(leaf.name)) {
    throw new TypeError(
      `"${leaf.name}" is no name of a service: a letter, then letters, digits and -, all lower case.`,
    );
  }
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const { notBefore, notAfter } = leaf;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: `CN=${leaf.name}`,
      issuer: issuer.subject,
      notBefore,
      notAfter,
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: await signingKey(authority.key),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension(alternativeNames(leaf)),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ],
    },
    webcrypto as unknown as Crypto,
  );
  return { key: await keyPem(keys.privateKey), certificate: `${certificate.toString('pem')}\n` };
}

/** True when the key is that of the certificate; false also for what is neither. */
export function belongTogether({ key, certificate }: KeyAndCertificate): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function alternativeNames({ name, hosts = [] }: LeafOptions): x509.JsonGeneralNames {
  const all = new Set([name, 'localhost', '127.0.0.1', '::1', ...hosts]);
  return [
    { type: 'url', value: identityUri(name) },
    ...[...all].map((host) => ({ type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const), value: host })),
  ];
}

interface KeyPair {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}

function newKeys(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as unknown as Promise<KeyPair>;
}

async function keyPem(key: CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('pkcs8', key as unknown as webcrypto.CryptoKey);
  return String(
    createPrivateKey({ key: Buffer.from(bytes), format: 'der', type: 'pkcs8' }).export({
      type: 'pkcs8',
      format: 'pem',
    }),
  );
}

function signingKey(pem: string): Promise<CryptoKey> {
  const bytes = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign']) as unknown as Promise<CryptoKey>;
}

function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(serialBytes));
  // The first bit is the sign.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}
