/** Notifications' methods, in terms of its operations. */
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import {
  MailSchema,
  type Mail as MailShown,
  NotificationsService,
} from '@suuupra/contracts/gen/suuupra/notifications/v1/notifications_pb.ts';
import type { KeptMail, Mail } from '@suuupra/platform/mail/mail';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import {
  type CallContext,
  type Client,
  hasRole,
  type Implementation,
  implement,
  isRefusal,
  type Refusal,
  refuse,
} from '@suuupra/platform/rpc/rpc';
import type { Sql } from '@suuupra/platform/sql/sql';
import type { World } from '@suuupra/platform/world';
import { listNotifications, markRead } from './feeds.ts';

export interface RpcParts {
  readonly sql: Sql;
  readonly world: World;
  readonly mail: Mail;
  readonly identity: Pick<Client<typeof IdentityService>, 'getUsers'>;
}

export function notificationsRpc(parts: RpcParts): Implementation {
  const { sql, world } = parts;
  return implement(NotificationsService, {
    listNotifications: (request, context) => listNotifications(sql, userIdOf(context), request),
    markRead: (request, context) => markRead(sql, world, userIdOf(context), request.ids),
    listMail: (request, context) => listMail(parts, request, context),
  });
}

/** The rpc layer lets only users reach these methods. */
function userIdOf({ principal }: CallContext): string {
  if (principal.kind !== 'user') throw new Error('a method for signed-in users was reached by nobody');
  return principal.userId;
}

async function listMail(
  parts: RpcParts,
  request: { pageSize: number; pageToken: string; all: boolean },
  context: CallContext,
): Promise<{ mails: MailShown[]; nextPageToken: string } | Refusal> {
  const { mailbox } = parts.mail;
  if (mailbox === undefined) return refuse('mailbox_off', 'Mail is really sent here; look into your own mailbox.');
  if (request.all && !hasRole(context.principal, 'admin')) {
    return refuse('permission_denied', "Only an administrator may read everybody's mail.");
  }
  const page = readPage(request, ['text']);
  if (isRefusal(page)) return page;
  const to = request.all ? undefined : await addressOf(parts, userIdOf(context), context);
  if (isRefusal(to)) return to;
  const mails = to === '' ? [] : await mailbox.list(to, page.limit + 1, page.after[0]);
  const shown = mails.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    mails: shown.map(mailMessage),
    nextPageToken: mails.length > page.limit && last !== undefined ? pageToken([last.id]) : '',
  };
}

/** '' for a user whom identity does not know any more. */
async function addressOf(parts: RpcParts, userId: string, context: CallContext): Promise<string | Refusal> {
  const answer = await parts.identity.getUsers({ ids: [userId] }, { context });
  if (isRefusal(answer)) return answer;
  return answer.users.find((user) => user.id === userId)?.email ?? '';
}

function mailMessage(mail: KeptMail): MailShown {
  return create(MailSchema, {
    id: mail.id,
    to: mail.to,
    subject: mail.subject,
    text: mail.text,
    sentAt: timestampFromDate(mail.sentAt),
  });
}
