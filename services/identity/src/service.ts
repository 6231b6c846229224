import {
  EmailVerifiedSchema,
  SessionEndedSchema,
  UserRegisteredSchema,
  UserRolesChangedSchema,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { openMailQueue } from '@suuupra/platform/mail/mail-queue';
import { defineService } from '@suuupra/platform/service';
import { counted, countFacts } from '@suuupra/platform/telemetry/facts';
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
  start: async ({ engines, publishIn: publish, world, telemetry, settings }) => {
    const { sql, mail, keys } = engines;
    const signUps = telemetry.counter('suuupra_sign_ups_total', 'Accounts made');
    const publishIn = countFacts(publish, [counted(UserRegisteredSchema, () => signUps.inc())]);
    const passwords = await openPasswords(await keys.secret('password-pepper'));
    // Mails wait sealed: some carry a link that verifies an address.
    const sealedWith = await keys.secret('identity-mail-queue');
    const mails = openMailQueue({ sql, mail, world, telemetry, sealedWith });
    let pruning: Loop | undefined;
    return {
      implementations: [identityRpc({ sql, publishIn, passwords, mails, world, publicUrl: settings.publicUrl })],
      begin: async () => {
        mails.start();
        pruning = startLoop({
          round: async () => {
            await pruneExpired({ sql, world });
            return undefined;
          },
          now: () => world.now(),
          idleMsMax: pruneEveryMs,
          failed: (error) => telemetry.log.warn('sessions that are over stay for now', { error }),
        });
      },
      stop: async () => {
        await pruning?.stop();
        await mails.stop();
      },
    };
  },
});
