/** Identity's methods, in terms of its operations. */
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import {
  type CallContext,
  type Implementation,
  implement,
  isRefusal,
  type Refusal,
  refuse,
} from '@suuupra/platform/rpc/rpc';
import { makeAdministrator } from './administrators.ts';
import { type IdentityParts, userMessage, type Who } from './parts.ts';
import { changePassword, checkSession, createSession, endSession, listSessions } from './sessions.ts';
import {
  createUser,
  ensureUser,
  findUser,
  listUsers,
  peopleByIds,
  renameUser,
  setRoles,
  userByVerifiedEmail,
  usersByIds,
} from './users.ts';
import { sendVerification, verifyEmail } from './verifications.ts';

export function identityRpc(parts: IdentityParts): Implementation {
  const { sql } = parts;
  return implement(IdentityService, {
    createUser: (request, context) => createUser(parts, request, context),
    createSession: (request, context) => createSession(parts, request, context),
    deleteCurrentSession: async (_, context) => {
      await endSession(parts, signedIn(context), context);
      return {};
    },
    listSessions: (request, context) => listSessions(parts, signedIn(context), request),
    deleteSession: async (request, context) => {
      const { userId } = signedIn(context);
      const ended = await endSession(parts, { userId, sessionId: request.id }, context);
      return ended ? {} : refuse('not_found', 'You have no session with this id.');
    },
    getMe: async (_, context) => {
      const user = await findUser(sql, signedIn(context).userId);
      return user === undefined ? accountGone() : { user: userMessage(user) };
    },
    updateMe: async (request, context) => {
      const user = await renameUser(sql, signedIn(context).userId, request.displayName);
      if (isRefusal(user)) return user;
      return user === undefined ? accountGone() : { user };
    },
    changePassword: (request, context) => changePassword(parts, signedIn(context), request, context),
    sendEmailVerification: (_, context) => sendVerification(parts, signedIn(context).userId),
    verifyEmail: (request, context) => verifyEmail(parts, request.token, context),
    listUsers: (request) => listUsers(sql, request),
    batchGetPeople: (request, context) => peopleByIds(sql, request.ids, context.principal),
    setUserRoles: (request, context) => setRoles(parts, signedIn(context).userId, request, context),
    checkSession: (request) => checkSession(parts, request.token),
    getUsers: (request) => usersByIds(sql, request.ids),
    findUserByEmail: (request) => userByVerifiedEmail(sql, request.email),
    ensureUser: (request, context) => ensureUser(parts, request, context),
    makeAdministrator: (request, context) => makeAdministrator(parts, request, context),
  });
}

/** The rpc layer lets only users reach these methods. */
function signedIn({ principal }: CallContext): Who {
  if (principal.kind !== 'user') throw new Error('a method for signed-in users was reached by nobody');
  return principal;
}

function accountGone(): Refusal {
  return refuse('unauthenticated', 'This account is gone; sign in with another.');
}
