import { isRefusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emailKey, readDisplayName, readRoles, sessionAgeMsMax, sessionExpiresAtMs, sessionIdleMs } from './user.ts';

describe('a display name', () => {
  it.each(['Asha', ' Asha ', 'आशा', 'محمد', 'É', '李', '👩‍🏫'])('%j is kept', (name) => {
    expect(readDisplayName(name)).toBe(name.trim());
  });

  it.each(['', '   ', '\u200b\u200d', '\u00a0', '\u202e', '\u0301'])('%j, which nobody sees, is refused', (name) => {
    const read = readDisplayName(name);
    expect(isRefusal(read) && read.errors[0]?.field).toBe('displayName');
  });

  it('loses the marks that turn the reading direction, and no others', () => {
    expect(readDisplayName('a\u202eb\u2066c\u200fd')).toBe('abcd');
  });
});

describe('an address', () => {
  it('is one and the same in any case and with spaces around', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (email) => {
        expect(emailKey(` ${email.toUpperCase()} `)).toBe(emailKey(email));
        expect(emailKey(emailKey(email))).toBe(emailKey(email));
      }),
    );
  });
});

describe('roles', () => {
  it('come out once each, in their own order', () => {
    expect(readRoles(['admin', 'learner', 'admin'])).toEqual(['learner', 'admin']);
  });

  it('refuse a name that is none, and say where it stands', () => {
    const read = readRoles(['learner', 'root']);
    expect(isRefusal(read) && read.errors[0]?.field).toBe('roles[1]');
  });
});

it('a session never outlives its age, however it is used', () => {
  const times = fc.tuple(fc.nat(sessionAgeMsMax * 2), fc.nat(sessionAgeMsMax * 2));
  fc.assert(
    fc.property(times, ([createdAtMs, later]) => {
      const expiresAtMs = sessionExpiresAtMs({ createdAtMs, lastSeenAtMs: createdAtMs + later });
      expect(expiresAtMs).toBeLessThanOrEqual(createdAtMs + sessionAgeMsMax);
      expect(expiresAtMs).toBeLessThanOrEqual(createdAtMs + later + sessionIdleMs);
    }),
  );
});
