import {
  EmailVerifiedSchema,
  SessionEndedSchema,
  UserRegisteredSchema,
  UserRolesChangedSchema,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { openMailQueue } from '@suuupra/platform/mail/mail-queue';
import { defineService } from '@suuupra/platform/service';
import { openPasswords } from './passwords.ts';
import { identityRpc } from './rpc.ts';
import { pruneExpired } from './sessions.ts';

const pruneEveryMs = 10 * 60_000;

/** Who someone is: accounts, passwords, sessions, roles. */
export const identity = defineService({
  name: 'identity',
  provides: [IdentityService],
  calls: {},
  engines: ['sql', 'mail', 'keys'],
  consumes: [],
  publishes: [UserRegisteredSchema, EmailVerifiedSchema, SessionEndedSchema, UserRolesChangedSchema],
  migrations: new URL('../migrations/', import.meta.url),
  start: async ({ engines, publishIn, world, telemetry, settings }) => {
    const { sql, mail, keys } = engines;
    const passwords = await openPasswords(await keys.secret('password-pepper'));
    const mails = openMailQueue({ sql, mail, world, telemetry });
    const prune = () =>
      void pruneExpired({ sql, world }).catch((error: unknown) =>
        telemetry.log.warn('cannot prune sessions', { error }),
      );
    let timer: NodeJS.Timeout | undefined;
    return {
      implementations: [identityRpc({ sql, publishIn, passwords, mails, world, publicUrl: settings.publicUrl })],
      begin: async () => {
        mails.start();
        timer = setInterval(prune, pruneEveryMs);
        timer.unref();
      },
      stop: async () => {
        clearInterval(timer);
        await mails.stop();
      },
    };
  },
});
