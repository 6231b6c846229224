/** What identity does with sessions: sign in, check, list, end. */
import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { SessionEndedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import {
  type CheckSessionResponse,
  CheckSessionResponseSchema,
  type Session,
  SessionSchema,
  type User,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import { type IdentityParts, type UserRow, userMessage, type Who } from './parts.ts';
import { hashToken, newToken } from './token.ts';
import { sessionAgeMsMax, sessionExpiresAtMs, sessionIdleMs } from './user.ts';
import { findUser, userByEmail } from './users.ts';

interface SessionRow extends Record<string, unknown> {
  id: string;
  user_id: string;
  created_at: Date;
  last_seen_at: Date;
  user_agent: string;
}

/** A person has at most this many; the one unused for longest gives way. */
export const sessionsMax = 50;
const userAgentCharsMax = 300;
/** The time of last use is written at most this often, so a session may end this much early. */
const touchMs = 5 * 60_000;

export interface SignedIn {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly user: User;
}

/** Signs in. `invalid_credentials` after the same work whether the address or the password is wrong. */
export async function createSession(
  parts: IdentityParts,
  request: { email: string; password: string },
  context: CallContext,
): Promise<SignedIn | Refusal> {
  const user = await userByEmail(parts.sql, request.email);
  const matching = await parts.passwords.matches(user?.password_hash, request.password);
  if (isRefusal(matching)) return matching;
  if (!matching || user === undefined) return wrongCredentials();
  const accessToken = newToken(parts.world, 'sst_');
  return await refusableTransaction(parts.sql, async (tx) => {
    // A password that was changed while the old one was checked signs nobody in.
    const [current] = await tx.query<UserRow>('SELECT * FROM users WHERE id = $1 AND password_hash = $2 FOR UPDATE', [
      user.id,
      user.password_hash,
    ]);
    if (current === undefined) return wrongCredentials();
    await insertSession(parts, tx, { userId: user.id, accessToken, userAgent: context.userAgent }, context);
    return { accessToken, expiresInSeconds: sessionIdleMs / 1_000, user: userMessage(current) };
  });
}

function wrongCredentials(): Refusal {
  return refuse('invalid_credentials', 'No account has this address and password; check both.');
}

/** The user's row is locked, so two sign-ins at once do not both find the last free place. */
async function insertSession(
  parts: IdentityParts,
  tx: SqlTransaction,
  session: { userId: string; accessToken: string; userAgent: string },
  context: CallContext,
): Promise<void> {
  const { userId } = session;
  const id = parts.world.id('ses');
  await tx.execute(
    `INSERT INTO sessions (token_hash, id, user_id, created_at, last_seen_at, user_agent) VALUES ($1, $2, $3, $4, $4, $5)`,
    [
      hashToken(session.accessToken),
      id,
      userId,
      new Date(parts.world.now()),
      session.userAgent.slice(0, userAgentCharsMax),
    ],
  );
  const surplus = await tx.query<{ id: string }>(
    `DELETE FROM sessions WHERE id IN
       (SELECT id FROM sessions WHERE user_id = $1 AND id <> $2 ORDER BY last_seen_at DESC, id DESC OFFSET $3)
     RETURNING id`,
    [userId, id, sessionsMax - 1],
  );
  await publishEnded(parts, tx, userId, surplus, context);
}

async function publishEnded(
  parts: IdentityParts,
  tx: SqlTransaction,
  userId: string,
  ended: readonly { id: string }[],
  context: CallContext,
): Promise<void> {
  const publish = parts.publishIn(tx);
  for (const { id } of ended) await publish(SessionEndedSchema, { sessionId: id, userId }, context);
}

/** What a token stands for now, roles as they are now. Answers without a session for anything unknown, ended or expired. */
export async function checkSession(
  parts: Pick<IdentityParts, 'sql' | 'world'>,
  token: string,
): Promise<CheckSessionResponse> {
  const [row] = await parts.sql.query<SessionRow & { roles: string[] }>(
    `SELECT s.id, s.user_id, s.created_at, s.last_seen_at, u.roles
     FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1`,
    [hashToken(token)],
  );
  const nowMs = parts.world.now();
  if (row === undefined || nowMs >= expiryOf(row, row.last_seen_at.getTime())) {
    return create(CheckSessionResponseSchema);
  }
  const isStale = nowMs - row.last_seen_at.getTime() > touchMs;
  if (isStale) {
    await parts.sql.execute('UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2', [
      row.id,
      new Date(nowMs),
    ]);
  }
  const expiresAtMs = expiryOf(row, isStale ? nowMs : row.last_seen_at.getTime());
  return create(CheckSessionResponseSchema, {
    session: { sessionId: row.id, userId: row.user_id, roles: row.roles, expiresAt: timestampFromMs(expiresAtMs) },
  });
}

function expiryOf(row: SessionRow, lastSeenAtMs: number): number {
  return sessionExpiresAtMs({ createdAtMs: row.created_at.getTime(), lastSeenAtMs });
}

/** The sessions that still work, newest first. */
export async function listSessions(
  parts: Pick<IdentityParts, 'sql' | 'world'>,
  who: Who,
  request: { pageSize: number; pageToken: string },
): Promise<{ sessions: Session[]; nextPageToken: string } | Refusal> {
  const page = readPage(request, ['text']);
  if (isRefusal(page)) return page;
  const rows = await parts.sql.query<SessionRow>(
    `SELECT id, user_id, created_at, last_seen_at, user_agent FROM sessions
     WHERE user_id = $1 AND ($2::text IS NULL OR id < $2) AND last_seen_at > $3 AND created_at > $4
     ORDER BY id DESC LIMIT $5`,
    [
      who.userId,
      page.after[0] ?? null,
      new Date(parts.world.now() - sessionIdleMs),
      new Date(parts.world.now() - sessionAgeMsMax),
      page.limit + 1,
    ],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    sessions: shown.map((row) => sessionMessage(row, who.sessionId)),
    nextPageToken: rows.length > page.limit && last !== undefined ? pageToken([last.id]) : '',
  };
}

function sessionMessage(row: SessionRow, currentId: string): Session {
  return create(SessionSchema, {
    id: row.id,
    createdAt: timestampFromDate(row.created_at),
    lastSeenAt: timestampFromDate(row.last_seen_at),
    userAgent: row.user_agent,
    current: row.id === currentId,
  });
}

/** Ends one session of this user; false when they have none with this id. */
export async function endSession(parts: IdentityParts, who: Who, context: CallContext): Promise<boolean> {
  return await parts.sql.transaction(async (tx) => {
    await lockUser(tx, who.userId);
    const ended = await tx.query<{ id: string }>('DELETE FROM sessions WHERE id = $1 AND user_id = $2 RETURNING id', [
      who.sessionId,
      who.userId,
    ]);
    await publishEnded(parts, tx, who.userId, ended, context);
    return ended.length > 0;
  });
}

/** The user is the subject of what is published: their lock makes the order of events that of commits. */
async function lockUser(tx: SqlTransaction, userId: string): Promise<void> {
  await tx.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [userId]);
}

/** Sets a new password, ends every other session of the user, and tells them by mail. */
export async function changePassword(
  parts: IdentityParts,
  who: Who,
  request: { currentPassword: string; newPassword: string },
  context: CallContext,
): Promise<Record<string, never> | Refusal> {
  const user = await findUser(parts.sql, who.userId);
  const matching = await parts.passwords.matches(user?.password_hash, request.currentPassword);
  if (isRefusal(matching)) return matching;
  if (!matching || user === undefined) return wrongCurrentPassword();
  const passwordHash = await parts.passwords.hash(request.newPassword);
  if (isRefusal(passwordHash)) return passwordHash;
  return await refusableTransaction(parts.sql, async (tx) => {
    const changed = await tx.execute('UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $3', [
      user.id,
      passwordHash,
      user.password_hash,
    ]);
    if (changed === 0) return wrongCurrentPassword();
    const ended = await tx.query<{ id: string }>('DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id', [
      who.userId,
      who.sessionId,
    ]);
    await publishEnded(parts, tx, who.userId, ended, context);
    await tellPasswordChanged(parts, tx, user);
    return {};
  });
}

function wrongCurrentPassword(): Refusal {
  return refuse('invalid_credentials', 'The current password is wrong.', [
    { field: 'currentPassword', code: 'not_allowed', detail: 'is not the current password' },
  ]);
}

async function tellPasswordChanged(parts: IdentityParts, tx: SqlTransaction, user: UserRow): Promise<void> {
  await parts.mails.enqueue(tx, {
    id: parts.world.id('mail'),
    to: user.email,
    subject: 'Your password was changed',
    text: [
      'Hello,',
      'the password of your account was changed, and every other session was signed out.',
      `You get this mail because it happened to your account at ${parts.publicUrl}. If it was not you, write to whoever runs this site.`,
    ].join('\n\n'),
  });
}

const pruneBatchMax = 1_000;

/** Deletes sessions and verification links that are over, in bounded batches; gives their number. */
export async function pruneExpired(parts: Pick<IdentityParts, 'sql' | 'world'>): Promise<number> {
  const nowMs = parts.world.now();
  const sessions = await deleteOlder(parts.sql, 'sessions', 'last_seen_at', new Date(nowMs - sessionIdleMs));
  const links = await deleteOlder(parts.sql, 'email_verifications', 'expires_at', new Date(nowMs));
  return sessions + links;
}

async function deleteOlder(
  sql: Sql,
  table: 'sessions' | 'email_verifications',
  column: 'last_seen_at' | 'expires_at',
  before: Date,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    const batch = await sql.execute(
      `DELETE FROM ${table} WHERE token_hash IN (SELECT token_hash FROM ${table} WHERE ${column} <= $1 LIMIT $2)`,
      [before, pruneBatchMax],
    );
    deleted += batch;
    if (batch < pruneBatchMax) return deleted;
  }
}
