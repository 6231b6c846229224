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
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import { emailKey, sessionAgeMsMax, sessionExpiresAtMs, sessionIdleMs } from './user.ts';
import { hashToken, type UserRow, type UsersParts, userMessage } from './users.ts';

interface SessionRow extends Record<string, unknown> {
  id: string;
  user_id: string;
  created_at: Date;
  last_seen_at: Date;
  user_agent: string;
}

/** A person has at most this many; the one unused for longest gives way. */
const sessionsMax = 50;
const userAgentCharsMax = 300;
/** The time of last use is written at most this often. */
const touchMs = 5 * 60_000;

export interface SignedIn {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly user: User;
}

export async function createSession(
  parts: UsersParts,
  request: { email: string; password: string },
  context: CallContext,
): Promise<SignedIn | Refusal> {
  const [user] = await parts.sql.query<UserRow>('SELECT * FROM users WHERE email_key = $1', [emailKey(request.email)]);
  const matching = await parts.passwords.matches(user?.password_hash, request.password);
  if (isRefusal(matching)) return matching;
  if (!matching || user === undefined) {
    return refuse('invalid_credentials', 'No account has this address and password; check both.');
  }
  const accessToken = `sst_${Buffer.from(parts.world.secret(32)).toString('base64url')}`;
  const now = new Date(parts.world.now());
  await parts.sql.transaction(async (tx) => {
    await tx.execute(
      `INSERT INTO sessions (token_hash, id, user_id, created_at, last_seen_at, user_agent) VALUES ($1, $2, $3, $4, $4, $5)`,
      [hashToken(accessToken), parts.world.id('ses'), user.id, now, context.userAgent.slice(0, userAgentCharsMax)],
    );
    await tx.execute(
      `DELETE FROM sessions WHERE user_id = $1 AND id IN
         (SELECT id FROM sessions WHERE user_id = $1 ORDER BY last_seen_at DESC OFFSET $2)`,
      [user.id, sessionsMax],
    );
  });
  return { accessToken, expiresInSeconds: sessionIdleMs / 1_000, user: userMessage(user) };
}

/** What a token stands for now, roles as they are now. Answers without a session for anything unknown, ended or expired. */
export async function checkSession(
  parts: Pick<UsersParts, 'sql' | 'world'>,
  token: string,
): Promise<CheckSessionResponse> {
  const [row] = await parts.sql.query<SessionRow & { roles: string[] }>(
    `SELECT s.id, s.user_id, s.created_at, s.last_seen_at, u.roles
     FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1`,
    [hashToken(token)],
  );
  const nowMs = parts.world.now();
  if (row === undefined) return create(CheckSessionResponseSchema);
  const expiresAtMs = sessionExpiresAtMs({
    createdAtMs: row.created_at.getTime(),
    lastSeenAtMs: row.last_seen_at.getTime(),
  });
  if (nowMs >= expiresAtMs) return create(CheckSessionResponseSchema);
  if (nowMs - row.last_seen_at.getTime() > touchMs) {
    await parts.sql.execute('UPDATE sessions SET last_seen_at = $2 WHERE id = $1', [row.id, new Date(nowMs)]);
  }
  return create(CheckSessionResponseSchema, {
    session: { sessionId: row.id, userId: row.user_id, roles: row.roles, expiresAt: timestampFromMs(expiresAtMs) },
  });
}

export async function listSessions(
  parts: Pick<UsersParts, 'sql' | 'world'>,
  who: { userId: string; sessionId: string },
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
export async function endSession(
  parts: UsersParts,
  userId: string,
  sessionId: string,
  context: CallContext,
): Promise<boolean> {
  return await parts.sql.transaction(async (tx) => {
    const ended = await tx.execute('DELETE FROM sessions WHERE id = $1 AND user_id = $2', [sessionId, userId]);
    if (ended === 0) return false;
    await parts.publishIn(tx)(SessionEndedSchema, { sessionId, userId }, context);
    return true;
  });
}

/** Sets a new password and ends every other session of the user. */
export async function changePassword(
  parts: UsersParts,
  who: { userId: string; sessionId: string },
  request: { currentPassword: string; newPassword: string },
  context: CallContext,
): Promise<Record<string, never> | Refusal> {
  const [user] = await parts.sql.query<UserRow>('SELECT * FROM users WHERE id = $1', [who.userId]);
  const matching = await parts.passwords.matches(user?.password_hash, request.currentPassword);
  if (isRefusal(matching)) return matching;
  if (!matching) {
    return refuse('invalid_credentials', 'The current password is wrong.', [
      { field: 'currentPassword', code: 'not_allowed', detail: 'is not the current password' },
    ]);
  }
  const passwordHash = await parts.passwords.hash(request.newPassword);
  if (isRefusal(passwordHash)) return passwordHash;
  return await parts.sql.transaction(async (tx) => {
    await tx.execute('UPDATE users SET password_hash = $2 WHERE id = $1', [who.userId, passwordHash]);
    await endOthers(parts, tx, who, context);
    return {};
  });
}

async function endOthers(
  parts: UsersParts,
  tx: SqlTransaction,
  who: { userId: string; sessionId: string },
  context: CallContext,
): Promise<void> {
  const ended = await tx.query<{ id: string }>('DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id', [
    who.userId,
    who.sessionId,
  ]);
  const publish = parts.publishIn(tx);
  for (const { id } of ended) await publish(SessionEndedSchema, { sessionId: id, userId: who.userId }, context);
}

const pruneBatchMax = 1_000;

/** Deletes sessions and verification links that are over; answers how many. Called now and then. */
export async function pruneExpired(parts: { sql: Sql; world: UsersParts['world'] }): Promise<number> {
  const nowMs = parts.world.now();
  const sessions = await parts.sql.execute(
    `DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE last_seen_at < $1 LIMIT $2)`,
    [new Date(nowMs - sessionIdleMs), pruneBatchMax],
  );
  const links = await parts.sql.execute(
    `DELETE FROM email_verifications WHERE token_hash IN (SELECT token_hash FROM email_verifications WHERE expires_at < $1 LIMIT $2)`,
    [new Date(nowMs), pruneBatchMax],
  );
  return sessions + links;
}
