/** What a user is: names, roles, addresses, how long a session lasts. No I/O. */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';

export const roles = ['learner', 'instructor', 'finance', 'admin'] as const;
export type Role = (typeof roles)[number];

export function isRole(name: string): name is Role {
  return (roles as readonly string[]).includes(name);
}

/** Each role once, in the order of `roles`; `invalid_request` naming the first that is none. */
export function readRoles(given: readonly string[]): Role[] | Refusal {
  const unknown = given.findIndex((role) => !isRole(role));
  if (unknown < 0) return roles.filter((role) => given.includes(role));
  return refuse('invalid_request', `Roles are ${roles.join(', ')}.`, [
    { field: `roles[${unknown}]`, code: 'not_allowed', detail: `one of ${roles.join(', ')}` },
  ]);
}

/** Whose address the finance desk may see: it pays them or works with them. */
export function worksHere(given: readonly string[]): boolean {
  return given.some((role) => role === 'instructor' || role === 'finance' || role === 'admin');
}

/** What two spellings of one address have in common. */
export function emailKey(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/** What a name is searched by. */
export function nameKey(text: string): string {
  return text.trim().normalize('NFKC').toLowerCase();
}

/** Marks that turn the reading direction: a name could make the text around it read as something else. */
const directionMarks = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const visible = /[^\p{Z}\p{C}\p{M}]/u;

/** The name as it is kept; `invalid_request` naming displayName when nothing of it can be seen. */
export function readDisplayName(given: string): string | Refusal {
  const name = given.replaceAll(directionMarks, '').normalize('NFC').trim();
  if (visible.test(name)) return name;
  return refuse('invalid_request', 'Give a name that others can see.', [
    { field: 'displayName', code: 'too_short', detail: 'has at least one visible character' },
  ]);
}

/** A session is over 12 hours after it was last used, and 30 days after it began. */
export const sessionIdleMs = 12 * 60 * 60 * 1_000;
export const sessionAgeMsMax = 30 * 24 * 60 * 60 * 1_000;

export function sessionExpiresAtMs(session: { createdAtMs: number; lastSeenAtMs: number }): number {
  return Math.min(session.lastSeenAtMs + sessionIdleMs, session.createdAtMs + sessionAgeMsMax);
}
