/** What identity's operations work with, and how a user is kept and shown. */
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type User, UserSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import type { MailQueue } from '@suuupra/platform/mail/mail-queue';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import type { World } from '@suuupra/platform/world';
import type { Passwords } from './passwords.ts';

export interface IdentityParts {
  readonly sql: Sql;
  readonly publishIn: (tx: SqlTransaction) => Publish;
  readonly passwords: Passwords;
  readonly mails: Pick<MailQueue, 'enqueue'>;
  readonly world: World;
  readonly publicUrl: string;
}

/** A signed-in person and the session they use. */
export interface Who {
  readonly userId: string;
  readonly sessionId: string;
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
