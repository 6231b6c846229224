/** Identity's methods, in terms of its operations. */
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { type CallContext, type Implementation, implement, refuse } from '@suuupra/platform/rpc/rpc';
import { changePassword, checkSession, createSession, endSession, listSessions } from './sessions.ts';
import {
  createUser,
  ensureUser,
  findUser,
  listUsers,
  renameUser,
  sendVerification,
  setRoles,
  type UsersParts,
  userMessage,
  usersByIds,
  verifyEmail,
} from './users.ts';

export function identityRpc(parts: UsersParts): Implementation {
  const { sql } = parts;
  return implement(IdentityService, {
    createUser: (request, context) => createUser(parts, request, context),
    createSession: (request, context) => createSession(parts, request, context),
    deleteCurrentSession: async (_, context) => {
      const who = signedIn(context);
      await endSession(parts, who.userId, who.sessionId, context);
      return {};
    },
    listSessions: (request, context) => listSessions(parts, signedIn(context), request),
    deleteSession: async (request, context) => {
      const ended = await endSession(parts, signedIn(context).userId, request.id, context);
      return ended ? {} : refuse('not_found', 'You have no session with this id.');
    },
    getMe: async (_, context) => {
      const user = await findUser(sql, signedIn(context).userId);
      return user === undefined ? refuse('not_found', 'Your account is gone.') : { user: userMessage(user) };
    },
    updateMe: async (request, context) => {
      const user = await renameUser(sql, signedIn(context).userId, request.displayName);
      return user === undefined ? refuse('not_found', 'Your account is gone.') : { user };
    },
    changePassword: (request, context) => changePassword(parts, signedIn(context), request, context),
    sendEmailVerification: (_, context) => sendVerification(parts, signedIn(context).userId),
    verifyEmail: (request, context) => verifyEmail(parts, request.token, context),
    listUsers: (request) => listUsers(sql, request),
    setUserRoles: (request, context) => setRoles(parts, request, context),
    checkSession: (request) => checkSession(parts, request.token),
    getUsers: async (request) => ({ users: await usersByIds(sql, request.ids) }),
    ensureUser: (request, context) => ensureUser(parts, request, context),
  });
}

/** The rpc layer lets only users reach these methods. */
function signedIn(context: CallContext): { userId: string; sessionId: string } {
  if (context.principal.kind !== 'user') throw new Error('a method for signed-in users was reached by nobody');
  return context.principal;
}
