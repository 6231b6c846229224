/** What identity does with users: sign up, verify the address, change, list. */
import { createHash } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  EmailVerifiedSchema,
  UserRegisteredSchema,
  UserRolesChangedSchema,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { type User, UserSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import type { MailQueue } from '@suuupra/platform/mail/mail-queue';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type Sql, SqlFault, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import type { World } from '@suuupra/platform/world';
import type { Passwords } from './passwords.ts';
import { emailKey, isRole, roles } from './user.ts';

export interface UsersParts {
  readonly sql: Sql;
  readonly publishIn: (tx: SqlTransaction) => Publish;
  readonly passwords: Passwords;
  readonly mails: MailQueue;
  readonly world: World;
  readonly publicUrl: string;
}

export interface UserRow extends Record<string, unknown> {
  id: string;
  email: string;
  display_name: string;
  password_hash: string;
  roles: string[];
  email_verified_at: Date | null;
  created_at: Date;
}

const verificationHours = 24;
const idsMax = 100;

export function userMessage(row: UserRow): User {
  return create(UserSchema, {
    id: row.id,
    email: row.email,
    displayName: row.display_name,
    roles: row.roles,
    emailVerified: row.email_verified_at !== null,
    createdAt: timestampFromDate(row.created_at),
  });
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

interface SignUp {
  readonly email: string;
  readonly password: string;
  readonly displayName: string;
}

/**
 * Signs up. A taken address gets the same answer after the same work, with an id that belongs to nobody, and its owner
 * gets a mail: whoever asks learns nothing about who has an account.
 */
export async function createUser(
  parts: UsersParts,
  request: SignUp,
  context: CallContext,
): Promise<{ user: User } | Refusal> {
  const passwordHash = await parts.passwords.hash(request.password);
  if (isRefusal(passwordHash)) return passwordHash;
  const row = newUser(parts.world, request, passwordHash, ['learner']);
  const created = await insertUser(parts, row, context);
  if (!created) await tellOwner(parts, row.email);
  return { user: userMessage(row) };
}

function newUser(world: World, request: Omit<SignUp, 'password'>, passwordHash: string, userRoles: string[]): UserRow {
  return {
    id: world.id('usr'),
    email: request.email.trim(),
    display_name: request.displayName.trim(),
    password_hash: passwordHash,
    roles: userRoles,
    email_verified_at: null,
    created_at: new Date(world.now()),
  };
}

async function insertUser(parts: UsersParts, row: UserRow, context: CallContext): Promise<boolean> {
  try {
    await parts.sql.transaction(async (tx) => {
      await tx.execute(
        `INSERT INTO users (id, email_key, email, display_name, password_hash, roles, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [row.id, emailKey(row.email), row.email, row.display_name, row.password_hash, row.roles, row.created_at],
      );
      await enqueueVerification(parts, tx, row);
      await parts.publishIn(tx)(UserRegisteredSchema, { userId: row.id }, context);
    });
    return true;
  } catch (error) {
    if (error instanceof SqlFault && error.kind === 'unique') return false;
    throw error;
  }
}

async function enqueueVerification(parts: UsersParts, tx: SqlTransaction, user: UserRow): Promise<void> {
  const token = Buffer.from(parts.world.secret(32)).toString('base64url');
  const expiresAt = new Date(parts.world.now() + verificationHours * 3_600_000);
  await tx.execute('DELETE FROM email_verifications WHERE user_id = $1', [user.id]);
  await tx.execute('INSERT INTO email_verifications (token_hash, user_id, expires_at) VALUES ($1, $2, $3)', [
    hashToken(token),
    user.id,
    expiresAt,
  ]);
  await parts.mails.enqueue(tx, {
    id: parts.world.id('mail'),
    to: user.email,
    subject: 'Confirm your e-mail address',
    text: [
      `Hello ${user.display_name},`,
      '',
      'please confirm that this address is yours by opening:',
      '',
      `${parts.publicUrl}/verify-email?token=${token}`,
      '',
      `The link works for ${verificationHours} hours. If you did not sign up, ignore this mail.`,
    ].join('\n'),
  });
}

async function tellOwner(parts: UsersParts, email: string): Promise<void> {
  await parts.sql.transaction((tx) =>
    parts.mails.enqueue(tx, {
      id: parts.world.id('mail'),
      to: email,
      subject: 'You already have an account',
      text: [
        'Somebody, perhaps you, tried to sign up with this address.',
        '',
        `You already have an account; sign in at ${parts.publicUrl}/sign-in. If it was not you, there is nothing to do.`,
      ].join('\n'),
    }),
  );
}

/** Sends a fresh verification link and ends older ones. At most one mail a minute; nothing to do once verified. */
export async function sendVerification(parts: UsersParts, userId: string): Promise<Record<string, never> | Refusal> {
  return await parts.sql.transaction(async (tx) => {
    const [user] = await tx.query<UserRow>('SELECT * FROM users WHERE id = $1 FOR UPDATE', [userId]);
    if (user === undefined || user.email_verified_at !== null) return {};
    const justNow = new Date(parts.world.now() + verificationHours * 3_600_000 - 60_000);
    const recent = await tx.query('SELECT 1 FROM email_verifications WHERE user_id = $1 AND expires_at > $2', [
      userId,
      justNow,
    ]);
    if (recent.length > 0)
      return refuse('too_many_requests', 'A mail was sent less than a minute ago; look for it first.');
    await enqueueVerification(parts, tx, user);
    return {};
  });
}

export async function verifyEmail(
  parts: UsersParts,
  token: string,
  context: CallContext,
): Promise<{ verified: boolean } | Refusal> {
  return await parts.sql.transaction(async (tx) => {
    const now = new Date(parts.world.now());
    const [found] = await tx.query<{ user_id: string }>(
      'DELETE FROM email_verifications WHERE token_hash = $1 AND expires_at > $2 RETURNING user_id',
      [hashToken(token), now],
    );
    if (found === undefined) {
      return refuse('verification_invalid', 'This link was used already or is too old; sign in and ask for a new one.');
    }
    await tx.execute('UPDATE users SET email_verified_at = $2 WHERE id = $1', [found.user_id, now]);
    await parts.publishIn(tx)(EmailVerifiedSchema, { userId: found.user_id }, context);
    return { verified: true };
  });
}

export async function findUser(sql: Sql, id: string): Promise<UserRow | undefined> {
  const [row] = await sql.query<UserRow>('SELECT * FROM users WHERE id = $1', [id]);
  return row;
}

export async function renameUser(sql: Sql, id: string, displayName: string): Promise<User | undefined> {
  const [row] = await sql.query<UserRow>('UPDATE users SET display_name = $2 WHERE id = $1 RETURNING *', [
    id,
    displayName.trim(),
  ]);
  return row === undefined ? undefined : userMessage(row);
}

export async function usersByIds(sql: Sql, ids: readonly string[]): Promise<User[]> {
  const rows = await sql.query<UserRow>('SELECT * FROM users WHERE id = ANY($1)', [ids.slice(0, idsMax)]);
  return rows.map(userMessage);
}

export async function listUsers(
  sql: Sql,
  request: { pageSize: number; pageToken: string; query: string },
): Promise<{ users: User[]; nextPageToken: string } | Refusal> {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const [beforeAt, beforeId] = page.after;
  const pattern = `${request.query.replace(/[\\%_]/g, '\\$&').toLowerCase()}%`;
  const rows = await sql.query<UserRow>(
    `SELECT * FROM users
     WHERE ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2))
       AND (email_key LIKE $3 OR lower(display_name) LIKE $3 OR lower(display_name) LIKE '% ' || $3)
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [beforeAt ?? null, beforeId ?? null, pattern, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const more = rows.length > page.limit && last !== undefined;
  return {
    users: shown.map(userMessage),
    nextPageToken: more ? pageToken([last.created_at.toISOString(), last.id]) : '',
  };
}

/** Sets exactly these roles. An administrator cannot take the role from themselves: somebody must keep it. */
export async function setRoles(
  parts: UsersParts,
  request: { id: string; roles: readonly string[] },
  context: CallContext,
): Promise<{ user: User } | Refusal> {
  const unknown = request.roles.findIndex((role) => !isRole(role));
  if (unknown >= 0) {
    return refuse('invalid_request', `Roles are ${roles.join(', ')}.`, [
      { field: `roles[${unknown}]`, code: 'not_allowed', detail: `one of ${roles.join(', ')}` },
    ]);
  }
  const self = context.principal.kind === 'user' && context.principal.userId === request.id;
  if (self && !request.roles.includes('admin')) {
    return refuse('invalid_request', 'You cannot take the role admin from yourself; ask another administrator.', [
      { field: 'roles', code: 'not_allowed', detail: 'must keep admin' },
    ]);
  }
  const wanted = [...new Set(request.roles)];
  return await parts.sql.transaction(async (tx) => {
    const [row] = await tx.query<UserRow>('UPDATE users SET roles = $2 WHERE id = $1 RETURNING *', [
      request.id,
      wanted,
    ]);
    if (row === undefined) return refuse('not_found', 'There is no user with this id.');
    await parts.publishIn(tx)(UserRolesChangedSchema, { userId: row.id, roles: wanted }, context);
    return { user: userMessage(row) };
  });
}

/** For the first start: creates a verified account with these roles, or leaves the one that is there. */
export async function ensureUser(
  parts: UsersParts,
  request: SignUp & { roles: readonly string[] },
  context: CallContext,
): Promise<
  | MessageInitShape<
      typeof import('@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts').EnsureUserResponseSchema
    >
  | Refusal
> {
  const [known] = await parts.sql.query<UserRow>('SELECT * FROM users WHERE email_key = $1', [emailKey(request.email)]);
  if (known !== undefined) return { user: userMessage(known), created: false };
  const passwordHash = await parts.passwords.hash(request.password);
  if (isRefusal(passwordHash)) return passwordHash;
  const row = {
    ...newUser(parts.world, request, passwordHash, [...request.roles]),
    email_verified_at: new Date(parts.world.now()),
  };
  await parts.sql.transaction(async (tx) => {
    await tx.execute(
      `INSERT INTO users (id, email_key, email, display_name, password_hash, roles, email_verified_at, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        row.id,
        emailKey(row.email),
        row.email,
        row.display_name,
        row.password_hash,
        row.roles,
        row.email_verified_at,
        row.created_at,
      ],
    );
    await parts.publishIn(tx)(UserRegisteredSchema, { userId: row.id }, context);
  });
  return { user: userMessage(row), created: true };
}
