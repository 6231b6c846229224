/** What identity does with users: sign up, find, rename, list, give roles. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  UserRegisteredSchema,
  UserRolesChangedSchema,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import type {
  EnsureUserResponseSchema,
  PersonSchema,
  User,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, hasRole, isRefusal, type Principal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { World } from '@suuupra/platform/world';
import { type IdentityParts, type UserRow, userMessage } from './parts.ts';
import { emailKey, nameKey, readDisplayName, readRoles, worksHere } from './user.ts';
import { enqueueVerification } from './verifications.ts';

/** One call asks for at most this many users by id. */
const idsMax = 100;
/** Whoever signs up with a taken address again and again does not fill its owner's mailbox. */
const ownerToldEveryMs = 60 * 60 * 1_000;

interface SignUp {
  readonly email: string;
  readonly password: string;
  readonly displayName: string;
}

/**
 * Signs up. A taken address gets the same answer after the same work, with an id that belongs to nobody, and its owner
 * gets a mail (at most one an hour): the answer tells nothing about who has an account.
 */
export async function createUser(
  parts: IdentityParts,
  request: SignUp,
  context: CallContext,
): Promise<{ user: User } | Refusal> {
  const displayName = readDisplayName(request.displayName);
  if (isRefusal(displayName)) return displayName;
  const passwordHash = await parts.passwords.hash(request.password);
  if (isRefusal(passwordHash)) return passwordHash;
  const row = newUser(parts.world, { ...request, displayName }, passwordHash, ['learner']);
  await parts.sql.transaction(async (tx) => {
    if (!(await insertUser(tx, row))) return tellOwner(parts, tx, row.email);
    await enqueueVerification(parts, tx, row);
    await parts.publishIn(tx)(UserRegisteredSchema, { userId: row.id }, context);
  });
  return { user: userMessage(row) };
}

export function newUser(
  world: World,
  request: Omit<SignUp, 'password'>,
  passwordHash: string,
  userRoles: string[],
): UserRow {
  return {
    id: world.id('usr'),
    email: request.email.trim(),
    display_name: request.displayName,
    password_hash: passwordHash,
    roles: userRoles,
    email_verified_at: null,
    created_at: new Date(world.now()),
  };
}

/** False when the address is taken; waits for another sign-up with it that is under way. */
export async function insertUser(tx: SqlTransaction, row: UserRow): Promise<boolean> {
  const inserted = await tx.execute(
    `INSERT INTO users (id, email_key, email, display_name, name_key, password_hash, roles, email_verified_at, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (email_key) DO NOTHING`,
    [
      row.id,
      emailKey(row.email),
      row.email,
      row.display_name,
      nameKey(row.display_name),
      row.password_hash,
      row.roles,
      row.email_verified_at,
      row.created_at,
    ],
  );
  return inserted === 1;
}

/** Writes also when there is nothing to tell, so that the commit takes as long as that of a new account. */
async function tellOwner(parts: IdentityParts, tx: SqlTransaction, email: string): Promise<void> {
  const nowMs = parts.world.now();
  const [owner] = await tx.query<{ id: string; email: string; sign_up_noted_at: Date | null }>(
    'SELECT id, email, sign_up_noted_at FROM users WHERE email_key = $1 FOR UPDATE',
    [emailKey(email)],
  );
  if (owner === undefined) return;
  const isDue = owner.sign_up_noted_at === null || nowMs - owner.sign_up_noted_at.getTime() >= ownerToldEveryMs;
  await tx.execute('UPDATE users SET sign_up_noted_at = $2 WHERE id = $1', [
    owner.id,
    isDue ? new Date(nowMs) : owner.sign_up_noted_at,
  ]);
  if (!isDue) return;
  await parts.mails.enqueue(tx, {
    id: parts.world.id('mail'),
    to: owner.email,
    subject: 'You already have an account',
    text: [
      'Hello,',
      `you already have an account; sign in at ${parts.publicUrl}/sign-in.`,
      `You get this mail because somebody, perhaps you, tried to sign up with this address at ${parts.publicUrl}. If it was not you, there is nothing to do.`,
    ].join('\n\n'),
  });
}

/** For the first start: creates a verified account with these roles, or leaves the one that is there as it is. */
export async function ensureUser(
  parts: IdentityParts,
  request: SignUp & { readonly roles: readonly string[] },
  context: CallContext,
): Promise<MessageInitShape<typeof EnsureUserResponseSchema> | Refusal> {
  const known = await userByEmail(parts.sql, request.email);
  if (known !== undefined) return { user: userMessage(known), created: false };
  const displayName = readDisplayName(request.displayName);
  if (isRefusal(displayName)) return displayName;
  const wanted = readRoles(request.roles);
  if (isRefusal(wanted)) return wanted;
  const passwordHash = await parts.passwords.hash(request.password);
  if (isRefusal(passwordHash)) return passwordHash;
  const row: UserRow = {
    ...newUser(parts.world, { ...request, displayName }, passwordHash, wanted),
    email_verified_at: new Date(parts.world.now()),
  };
  const created = await parts.sql.transaction(async (tx) => {
    if (!(await insertUser(tx, row))) return false;
    await parts.publishIn(tx)(UserRegisteredSchema, { userId: row.id }, context);
    return true;
  });
  if (created) return { user: userMessage(row), created };
  const other = await userByEmail(parts.sql, request.email);
  return other === undefined ? refuse('unavailable', 'Try again.') : { user: userMessage(other), created };
}

export async function userByEmail(sql: Sql, email: string): Promise<UserRow | undefined> {
  const [row] = await sql.query<UserRow>('SELECT * FROM users WHERE email_key = $1', [emailKey(email)]);
  return row;
}

export async function findUser(sql: Sql, id: string): Promise<UserRow | undefined> {
  const [row] = await sql.query<UserRow>('SELECT * FROM users WHERE id = $1', [id]);
  return row;
}

/** Undefined when there is no user with this id. */
export async function renameUser(sql: Sql, id: string, given: string): Promise<User | Refusal | undefined> {
  const displayName = readDisplayName(given);
  if (isRefusal(displayName)) return displayName;
  const [row] = await sql.query<UserRow>(
    'UPDATE users SET display_name = $2, name_key = $3 WHERE id = $1 RETURNING *',
    [id, displayName, nameKey(displayName)],
  );
  return row === undefined ? undefined : userMessage(row);
}

/** Those of these users that there are, in no order. */
export async function usersByIds(sql: Sql, ids: readonly string[]): Promise<{ users: User[] } | Refusal> {
  const refused = refuseTooMany(ids);
  if (refused !== undefined) return refused;
  const rows = await sql.query<UserRow>('SELECT * FROM users WHERE id = ANY ($1)', [ids]);
  return { users: rows.map(userMessage) };
}

function refuseTooMany(ids: readonly string[]): Refusal | undefined {
  if (ids.length <= idsMax) return undefined;
  return refuse('invalid_request', `Ask for at most ${idsMax} users at a time.`, [
    { field: 'ids', code: 'too_many', detail: `at most ${idsMax}` },
  ]);
}

/**
 * The people behind these ids, unknown ones left out. Who sees less than an administrator is told the addresses of those
 * alone who teach or work here: a learner is known to the desk by name.
 */
export async function peopleByIds(
  sql: Sql,
  ids: readonly string[],
  principal: Principal,
): Promise<{ people: MessageInitShape<typeof PersonSchema>[] } | Refusal> {
  const refused = refuseTooMany(ids);
  if (refused !== undefined) return refused;
  const rows = await sql.query<Pick<UserRow, 'id' | 'display_name' | 'email' | 'roles'>>(
    'SELECT id, display_name, email, roles FROM users WHERE id = ANY ($1)',
    [ids],
  );
  const seesAll = hasRole(principal, 'admin');
  return {
    people: rows.map(({ id, display_name: displayName, email, roles }) => ({
      ...{ id, displayName },
      email: seesAll || worksHere(roles) ? email : '',
    })),
  };
}

/** Whoever has proved that this address is theirs; an account that only claims it is not given what belongs to its owner. */
export async function userByVerifiedEmail(sql: Sql, email: string): Promise<{ user?: User }> {
  const [row] = await sql.query<UserRow>('SELECT * FROM users WHERE email_key = $1 AND email_verified_at IS NOT NULL', [
    emailKey(email),
  ]);
  return row === undefined ? {} : { user: userMessage(row) };
}

/** Newest first. `query` matches the beginning of the address or of a word of the name, in any case. */
export async function listUsers(
  sql: Sql,
  request: { pageSize: number; pageToken: string; query: string },
): Promise<{ users: User[]; nextPageToken: string } | Refusal> {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const [beforeAt, beforeId] = page.after;
  const pattern = `${nameKey(request.query).replace(/[\\%_]/g, '\\$&')}%`;
  const rows = await sql.query<UserRow>(
    `SELECT * FROM users
     WHERE ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2))
       AND (email_key LIKE $3 OR name_key LIKE $3 OR name_key LIKE '% ' || $3)
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

/**
 * Sets exactly these roles. An administrator cannot take the role from themselves, and must still hold it when their turn
 * comes: however many remove each other at once, one is left.
 */
export async function setRoles(
  parts: IdentityParts,
  adminId: string,
  request: { id: string; roles: readonly string[] },
  context: CallContext,
): Promise<{ user: User } | Refusal> {
  const wanted = readRoles(request.roles);
  if (isRefusal(wanted)) return wanted;
  if (adminId === request.id && !wanted.includes('admin')) {
    return refuse('invalid_request', 'You cannot take the role admin from yourself; ask another administrator.', [
      { field: 'roles', code: 'not_allowed', detail: 'must keep admin' },
    ]);
  }
  return await refusableTransaction(parts.sql, async (tx) => {
    const locked = await tx.query<UserRow>('SELECT * FROM users WHERE id = ANY ($1) ORDER BY id FOR UPDATE', [
      [adminId, request.id],
    ]);
    if (locked.find((row) => row.id === adminId)?.roles.includes('admin') !== true) {
      return refuse('permission_denied', 'You are no administrator any more.');
    }
    const user = locked.find((row) => row.id === request.id);
    if (user === undefined) return refuse('not_found', 'There is no user with this id.');
    if (user.roles.join() === wanted.join()) return { user: userMessage(user) };
    await tx.execute('UPDATE users SET roles = $2 WHERE id = $1', [user.id, wanted]);
    await parts.publishIn(tx)(UserRolesChangedSchema, { userId: user.id, roles: wanted }, context);
    return { user: userMessage({ ...user, roles: wanted }) };
  });
}
