/** The first administrator, whom nobody inside can make: made by whoever runs the platform. */
import {
  UserRegisteredSchema,
  UserRolesChangedSchema,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import type { User } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { problemOfText } from '@suuupra/platform/rpc/text-rules';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { type IdentityParts, type UserRow, userMessage } from './parts.ts';
import { emailKey, readDisplayName, readRoles } from './user.ts';
import { insertUser, newUser, userByEmail } from './users.ts';

export interface AdministratorRequest {
  readonly email: string;
  /** Of a new account; '' asks whether one is needed. An account that is there keeps its own. */
  readonly password: string;
  readonly displayName: string;
  /** Said for one that is not the first. */
  readonly another: boolean;
}

export interface Made {
  readonly user: User;
  readonly created: boolean;
}

/** What the contract's rules are for passwords and addresses that come through the gateway. */
const passwordRules = { charsMin: 8, charsMax: 256, format: '', multiline: false };
const emailRules = { charsMin: 3, charsMax: 254, format: 'email', multiline: false };

/**
 * Makes a verified account with the role admin, or gives the role to the account that has the address. Refuses
 * `administrator_exists` while there is another administrator and `another` is not said, `address_not_verified` for an
 * account whose address nobody proved, `invalid_request` with the field that is wrong: `password` `required` when the
 * account has to be made. However many ask at once, one is the first.
 */
export async function makeAdministrator(
  parts: IdentityParts,
  request: AdministratorRequest,
  context: CallContext,
): Promise<Made | Refusal> {
  const address = problemOfText(request.email.trim(), emailRules);
  if (address !== undefined) return wrong('email', address.code, `The address ${address.detail}.`);
  const row =
    (await userByEmail(parts.sql, request.email)) === undefined ? await newAdministrator(parts, request) : undefined;
  if (isRefusal(row)) {
    // Whether there is one already comes before what is wrong with the rest.
    return (await refuseAnother(parts.sql, request)) ?? row;
  }
  return await refusableTransaction(parts.sql, async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('suuupra:administrators', 0))");
    const refusal = await refuseAnother(tx, request);
    if (refusal !== undefined) return refusal;
    if (row !== undefined && (await insertUser(tx, row))) {
      const publish = parts.publishIn(tx);
      await publish(UserRegisteredSchema, { userId: row.id }, context);
      await publish(UserRolesChangedSchema, { userId: row.id, roles: row.roles }, context);
      return { user: userMessage(row), created: true };
    }
    return promote(parts, tx, request.email, context);
  });
}

function wrong(field: string, code: string, detail: string): Refusal {
  return refuse('invalid_request', detail, [{ field, code, detail }]);
}

async function newAdministrator(parts: IdentityParts, request: AdministratorRequest): Promise<UserRow | Refusal> {
  if (request.password === '') return wrong('password', 'required', 'Nobody has this address yet; give a password.');
  const problem = problemOfText(request.password, passwordRules);
  if (problem !== undefined) return wrong('password', problem.code, `A password ${problem.detail}.`);
  const displayName = readDisplayName(request.displayName);
  if (isRefusal(displayName)) return displayName;
  const passwordHash = await parts.passwords.hash(request.password);
  if (isRefusal(passwordHash)) return passwordHash;
  return {
    ...newUser(parts.world, { email: request.email, displayName }, passwordHash, ['learner', 'admin']),
    email_verified_at: new Date(parts.world.now()),
  };
}

async function refuseAnother(
  sql: Pick<SqlTransaction, 'query'>,
  { email, another }: AdministratorRequest,
): Promise<Refusal | undefined> {
  if (another) return undefined;
  const [other] = await sql.query("SELECT 1 FROM users WHERE 'admin' = ANY (roles) AND email_key <> $1 LIMIT 1", [
    emailKey(email),
  ]);
  if (other === undefined) return undefined;
  return refuse('administrator_exists', 'There is an administrator already, who can give the role to others.');
}

async function promote(
  parts: IdentityParts,
  tx: SqlTransaction,
  email: string,
  context: CallContext,
): Promise<Made | Refusal> {
  const [user] = await tx.query<UserRow>('SELECT * FROM users WHERE email_key = $1 FOR UPDATE', [emailKey(email)]);
  if (user === undefined) return refuse('unavailable', 'The account went away meanwhile; try again.');
  if (user.email_verified_at === null) {
    return refuse(
      'address_not_verified',
      'Nobody has proved that this address is theirs; open the link of the mail first.',
    );
  }
  const roles = readRoles([...user.roles, 'admin']);
  if (isRefusal(roles)) return roles;
  if (!user.roles.includes('admin')) {
    await tx.execute('UPDATE users SET roles = $2 WHERE id = $1', [user.id, roles]);
    await parts.publishIn(tx)(UserRolesChangedSchema, { userId: user.id, roles }, context);
  }
  return { user: userMessage({ ...user, roles }), created: false };
}
