import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPublicAddress, refuseUrl } from './public-address.ts';
import { disablesEndpoint, failingMsMax, nextTryMs, outcomeOf, retryPausesMs } from './webhook.ts';

describe('a webhook', () => {
  it('is tried for at least a day, each pause at least as long as the one before, and then given up', () => {
    expect(retryPausesMs.reduce((sum, pause) => sum + pause, 0)).toBeGreaterThan(24 * 3_600_000);
    expect(retryPausesMs.toSorted((a, b) => a - b)).toEqual(retryPausesMs);
    for (let tries = 1; tries <= retryPausesMs.length; tries += 1)
      expect(nextTryMs(tries, 0, () => 0)).toBe(retryPausesMs[tries - 1]);
    expect(nextTryMs(retryPausesMs.length + 1, 0, () => 0)).toBeUndefined();
  });

  it('is taken by 2xx alone', () => {
    expect(outcomeOf(204).kind).toBe('taken');
    expect(outcomeOf(302)).toMatchObject({ kind: 'refused', problem: 'redirect' });
    for (const status of [199, 400, 404, 500, 0]) expect(outcomeOf(status).kind, String(status)).toBe('refused');
  });

  it('disables an endpoint that is gone, or that took nothing for five days', () => {
    const refused = outcomeOf(500);
    expect(disablesEndpoint(outcomeOf(410), 0, 0)).toBe('gone');
    expect(disablesEndpoint(refused, 0, failingMsMax)).toBeUndefined();
    expect(disablesEndpoint(refused, 0, failingMsMax + 1)).toBe('failing');
    expect(disablesEndpoint(outcomeOf(200), 0, failingMsMax + 1)).toBeUndefined();
  });
});

describe('the address of an endpoint (P11, SSRF guard)', () => {
  it.each([
    '127.0.0.1',
    '127.8.9.1',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.2.1',
    '198.18.0.1',
    '240.0.0.1',
    '::1',
    '::',
    'fe80::1',
    'fc00::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:db8::1',
    '::7f00:1',
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['1.1.1.1', '93.184.215.14', '2606:4700:4700::1111', '::ffff:1.1.1.1'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it('is never a private address of version 4, however it is written', () => {
    const privateAddress = fc.tuple(fc.constantFrom(10, 127, 0), fc.nat(255), fc.nat(255), fc.nat(255));
    fc.assert(
      fc.property(privateAddress, ([a, b, c, d]) => {
        const number = ((a * 256 + b) * 256 + c) * 256 + d;
        for (const host of [
          `${a}.${b}.${c}.${d}`,
          String(number),
          `0x${number.toString(16)}`,
          `[::ffff:${a}.${b}.${c}.${d}]`,
        ])
          expect(refuseUrl(`https://${host}/hook`), host).toBeDefined();
      }),
    );
  });

  it.each([
    ['http://example.com/', 'https'],
    ['ftp://example.com/', 'https'],
    ['https://user:secret@example.com/', 'password'],
    ['https://localhost/', 'public host name'],
    ['https://printer.local/', 'public host name'],
    ['https://metadata.google.internal/', 'public host name'],
    ['https://example.com/#part', 'fragment'],
    ['not a url', 'URL'],
  ])('%s is refused with a reason', (url, reason) => {
    expect(refuseUrl(url)).toContain(reason);
  });

  it('may be a public host name with a port and a query', () => {
    expect(refuseUrl('https://hooks.example.com:8443/suuupra?team=1')).toBeUndefined();
  });
});
