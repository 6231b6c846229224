/** What some of identity's methods mean for cookies and for what is believed about sessions here. */
import type { Message } from '@bufbuild/protobuf';
import type { Caller, Door } from './door.ts';
import type { Exchange } from './exchange.ts';
import type { MethodRoute } from './route.ts';
import { clearedCookies, csrfTokenOf, sessionCookies } from './session.ts';

const identityType = 'suuupra.identity.v1.IdentityService';

/** After the method has answered, before the answer goes out. */
export function applySessionEffect(
  door: Door,
  exchange: Exchange,
  route: MethodRoute,
  request: Message,
  answer: Message,
  { principal, credentials }: Caller,
): void {
  if (route.method.parent.typeName !== identityType) return;
  const { id } = request as Message & { readonly id?: string };
  switch (route.method.name) {
    case 'CreateSession': {
      const { accessToken, expiresInSeconds } = answer as Message & { accessToken: string; expiresInSeconds: number };
      const csrfToken = csrfTokenOf(door.csrfSecret, accessToken);
      const cookies = sessionCookies(door.cookies, accessToken, csrfToken, expiresInSeconds);
      exchange.response.setHeader('set-cookie', cookies);
      return;
    }
    case 'DeleteCurrentSession':
      if (principal.kind === 'user') door.sessions.forgetSession(principal.sessionId);
      if (credentials.kind === 'cookie') exchange.response.setHeader('set-cookie', clearedCookies(door.cookies));
      return;
    case 'DeleteSession':
      door.sessions.forgetSession(id ?? '');
      return;
    case 'ChangePassword':
      if (principal.kind === 'user') door.sessions.forgetUser(principal.userId);
      return;
    case 'SetUserRoles':
      door.sessions.forgetUser(id ?? '');
      return;
    default:
  }
}
