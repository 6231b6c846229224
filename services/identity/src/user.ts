/** What a user is: names, roles, addresses. No I/O. */

export const roles = ['learner', 'instructor', 'finance', 'admin'] as const;
export type Role = (typeof roles)[number];

export function isRole(name: string): name is Role {
  return (roles as readonly string[]).includes(name);
}

/** What two spellings of one address have in common. */
export function emailKey(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/** A session is over 12 hours after it was last used, and 30 days after it began. */
export const sessionIdleMs = 12 * 60 * 60 * 1_000;
export const sessionAgeMsMax = 30 * 24 * 60 * 60 * 1_000;

export function sessionExpiresAtMs(session: { createdAtMs: number; lastSeenAtMs: number }): number {
  return Math.min(session.lastSeenAtMs + sessionIdleMs, session.createdAtMs + sessionAgeMsMax);
}
