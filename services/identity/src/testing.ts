/** Identity under test: the service on real engines, with the clock in the test's hands. */
import path from 'node:path';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import type { KeptMail, Mail } from '@suuupra/platform/mail/mail';
import { openMailbox } from '@suuupra/platform/mail/mail-mailbox';
import { type CallOptions, type Client, isRefusal, type Principal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest } from '@suuupra/platform/testing-service';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { identity } from './service.ts';

export const password = 'correct horse battery';

export interface IdentityUnderTest extends Omit<ServiceUnderTest, 'client' | 'world'> {
  readonly world: TestWorld;
  /** As the gateway sees it. */
  readonly client: Client<typeof IdentityService>;
  as(caller: string): Client<typeof IdentityService>;
  /** A verified account, made as the seed makes one. */
  userWith(email: string, ...roles: string[]): Promise<string>;
  /** Signs in and gives the token and who it stands for. */
  signIn(email: string, given?: string): Promise<{ token: string; options: CallOptions; principal: UserPrincipal }>;
  /** Mails that reached this address, oldest first, when none waits to be sent. */
  mails(to: string): Promise<KeptMail[]>;
  /** Opens every connection of the pool, so that calls made at once really race. */
  warm(): Promise<void>;
}

type UserPrincipal = Extract<Principal, { kind: 'user' }>;

export async function startIdentity(): Promise<IdentityUnderTest> {
  const world = testWorld();
  const under = await startServiceForTest(identity, { world });
  const client = under.client(IdentityService);
  const box: Mail = await openMailbox({ folder: path.join(under.folder, 'mail'), world });
  return {
    ...under,
    world,
    client,
    as: (caller) => under.client(IdentityService, caller),
    userWith: async (email, ...roles) => {
      const answer = granted(
        await under.client(IdentityService, 'operator').ensureUser({ email, password, displayName: email, roles }),
      );
      return answer.user?.id ?? '';
    },
    signIn: async (email, given = password) => {
      const { accessToken } = granted(await client.createSession({ email, password: given }));
      const { session } = granted(await client.checkSession({ token: accessToken }));
      if (session === undefined) throw new Error('a new token has no session');
      const principal: UserPrincipal = {
        kind: 'user',
        userId: session.userId,
        sessionId: session.sessionId,
        roles: session.roles,
      };
      return { token: accessToken, principal, options: { principal } };
    },
    mails: async (to) => {
      for (;;) {
        const waiting = await under.sql.query('SELECT 1 FROM mail_queue');
        if (waiting.length === 0) return (await box.mailbox?.list(to, 100))?.reverse() ?? [];
      }
    },
    warm: async () => {
      await Promise.all(Array.from({ length: 10 }, () => under.sql.query('SELECT pg_sleep(0.05)')));
    },
  };
}

/** The answer, when it is none of the documented noes. */
export function granted<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code}, ${answer.detail}`);
  return answer;
}

/** The code of the no; '' when there was none. */
export function refusalOf(answer: unknown): string {
  return isRefusal(answer) ? answer.code : '';
}

/** The token of the newest verification link among these mails. */
export function linkToken(mails: readonly KeptMail[]): string {
  const tokens = mails.flatMap((mail) => /verify-email\?token=([\w-]+)/.exec(mail.text)?.[1] ?? []);
  return tokens.at(-1) ?? '';
}
