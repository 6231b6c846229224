import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError } from '../config.ts';
import { recordingTelemetry } from '../rpc/rpc.contract.ts';
import { newAuthority } from '../testing-certificates.ts';
import { belongTogether, issueCertificate } from './authority.ts';
import { ensureCertificates, writeCertificate } from './certificate-files.ts';
import { openCertificates } from './certificates.ts';
import { identityOf } from './identity.ts';

const dayMs = 24 * 60 * 60_000;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'suuupra-certificates-'));
});
afterEach(() => rm(folder, { recursive: true }));

const file = (...parts: string[]) => path.join(folder, ...parts);
const certificateOf = async (name: string) => new X509Certificate(await readFile(file(name, 'tls.crt')));

test('each service gets its identity, and keys that only their owner may read', async () => {
  const made = await ensureCertificates(folder, ['orders', 'gateway'], { hosts: ['orders.school.svc'] });
  expect(made).toEqual({ newAuthority: true, issued: ['orders', 'gateway'] });
  const certificate = await certificateOf('orders');
  expect(identityOf({ subjectaltname: certificate.subjectAltName ?? '' })).toBe('orders');
  for (const host of ['orders', 'localhost', 'orders.school.svc']) expect(certificate.checkHost(host)).toBe(host);
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(certificate.verify((await certificateOf('authority')).publicKey)).toBe(true);
  for (const name of ['orders', 'authority']) expect((await stat(file(name, 'tls.key'))).mode & 0o777).toBe(0o600);
  expect((await readdir(file('orders'))).sort()).toEqual(['ca.crt', 'tls.crt', 'tls.key']);
});

test('a second run keeps the authority, renews what it is told to, and otherwise what is due', async () => {
  const now = Date.now();
  await ensureCertificates(folder, ['orders'], { days: 90, now: () => now });
  const authority = await readFile(file('authority', 'tls.crt'), 'utf8');
  const run = (days: number, renew: 'all' | 'due') =>
    ensureCertificates(folder, ['orders'], { now: () => now + days * dayMs, renew });
  expect((await run(59, 'due')).issued).toEqual([]);
  expect((await run(59, 'all')).issued).toEqual(['orders']);
  expect((await run(59 + 61, 'due')).issued).toEqual(['orders']);
  expect(await readFile(file('authority', 'tls.crt'), 'utf8')).toBe(authority);
});

test('a spoilt certificate is made again, a spoilt authority is not', async () => {
  await ensureCertificates(folder, ['orders', 'content']);
  await writeFile(file('orders', 'tls.key'), await readFile(file('content', 'tls.key')));
  expect((await ensureCertificates(folder, ['orders', 'content'])).issued).toEqual(['orders']);
  await chmod(file('authority', 'tls.key'), 0o600);
  await writeFile(file('authority', 'tls.key'), await readFile(file('content', 'tls.key')));
  await expect(ensureCertificates(folder, ['orders'])).rejects.toThrow(ConfigError);
});

test.each(['Orders', 'a/b', '', '-x', 'authority'])('"%s" is no name of a service', async (name) => {
  await expect(ensureCertificates(folder, [name])).rejects.toThrow(/no name of a service/);
});

test('a change on disk comes into use, half of one does not', async () => {
  await ensureCertificates(folder, ['orders']);
  const telemetry = recordingTelemetry();
  const certificates = await openCertificates({ folder: file('orders'), name: 'orders', log: telemetry.log });
  const before = certificates.current();
  const told: unknown[] = [];
  certificates.onChange((credentials) => told.push(credentials));
  const oldKey = await readFile(file('orders', 'tls.key'));
  await ensureCertificates(folder, ['orders'], { renew: 'all' });
  const newKey = await readFile(file('orders', 'tls.key'));

  await writeFile(file('orders', 'tls.key'), oldKey);
  await certificates.look();
  await certificates.look();
  expect(certificates.current()).toBe(before);
  expect(telemetry.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);

  await writeFile(file('orders', 'tls.key'), newKey);
  await certificates.look();
  expect(told).toEqual([certificates.current()]);
  const { key, certificate } = certificates.current();
  expect(key.equals(newKey)).toBe(true);
  expect(belongTogether({ key: String(key), certificate: String(certificate) })).toBe(true);
  certificates.close();
});

test('the certificate of another service, and none, stop a start with a sentence', async () => {
  await ensureCertificates(folder, ['orders']);
  await expect(openCertificates({ folder: file('orders'), name: 'payments' })).rejects.toThrow(
    /is of orders, not of payments; make one with "npm run certs"/,
  );
  await expect(openCertificates({ folder: file('payments'), name: 'payments' })).rejects.toThrow(
    /cannot be read \(ENOENT\); make it with "npm run certs"/,
  );
});

test('the end of a certificate is announced', async () => {
  const authority = await newAuthority();
  const notAfter = new Date(Math.floor((Date.now() + dayMs) / 1_000) * 1_000);
  const leaf = await issueCertificate(authority, { name: 'orders', notBefore: new Date(), notAfter });
  await writeCertificate(file('orders'), leaf, authority.certificate);
  const telemetry = recordingTelemetry();
  let nowMs = notAfter.getTime() - 8 * dayMs;
  const certificates = await openCertificates({
    folder: file('orders'),
    name: 'orders',
    log: telemetry.log,
    now: () => nowMs,
  });
  const levels = async (atMs: number) => {
    nowMs = atMs;
    await certificates.look();
    return telemetry.lines.map(({ level }) => level);
  };
  expect(await levels(nowMs)).toEqual([]);
  expect(await levels(notAfter.getTime() - dayMs)).toEqual(['warn']);
  expect(await levels(notAfter.getTime() - dayMs + 1_000)).toEqual(['warn']);
  expect(await levels(notAfter.getTime())).toEqual(['warn', 'error']);
  certificates.close();
});

test.each([
  ['URI:spiffe://suuupra/orders, DNS:localhost', 'orders'],
  ['DNS:"x, URI:spiffe://suuupra/ledger", URI:spiffe://suuupra/orders', 'orders'],
  ['URI:spiffe://suuupra/orders, URI:spiffe://suuupra/ledger', undefined],
  ['URI:spiffe://elsewhere/orders', undefined],
  ['URI:spiffe://suuupra/orders/x', undefined],
  ['DNS:orders', undefined],
  ['', undefined],
])('the identity in %j is %s', (subjectaltname, expected) => {
  expect(identityOf({ subjectaltname })).toBe(expected);
});
