/**
 * Asks identity what a token stands for, and believes a positive answer for at most two seconds, so that a session that
 * ends elsewhere ends here within that time. What this gateway itself ends, it forgets at once.
 */

import type { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import type { Client, Principal } from '@suuupra/platform/rpc/rpc';
import { type CallContext, isRefusal, RpcFault } from '@suuupra/platform/rpc/rpc';
import type { World } from '@suuupra/platform/world';
import { LRUCache } from 'lru-cache';
import type { GatewayLimits } from './limits.ts';
import { isTokenShaped, tokenHash } from './session.ts';

export type UserPrincipal = Extract<Principal, { kind: 'user' }>;

export interface Sessions {
  /** Undefined for a token that is unknown, ended or expired. Throws RpcFault when identity does not answer. */
  check(token: string, context: CallContext): Promise<UserPrincipal | undefined>;
  forgetToken(token: string): void;
  forgetSession(sessionId: string): void;
  forgetUser(userId: string): void;
}

interface Believed {
  readonly principal: UserPrincipal;
  readonly untilMs: number;
}

export interface SessionsParts {
  readonly identity: Client<typeof IdentityService>;
  readonly world: Pick<World, 'now'>;
  readonly limits: Pick<GatewayLimits, 'sessionCacheMs' | 'sessionsCachedMax'>;
}

export function openSessions({ identity, world, limits }: SessionsParts): Sessions {
  const believed = new LRUCache<string, Believed>({ max: limits.sessionsCachedMax });
  const asking = new Map<string, Promise<UserPrincipal | undefined>>();
  // A question that was under way while something was forgotten may bring an answer from before: it is not kept.
  let forgotten = 0;

  async function ask(token: string, key: string, context: CallContext): Promise<UserPrincipal | undefined> {
    const askedAt = forgotten;
    const { requestId, traceparent } = context;
    // Others may wait for this answer, so it does not end with the request that asked first.
    const unbound = { ...context, requestId, traceparent, signal: new AbortController().signal };
    const answer = await identity.checkSession({ token }, { context: unbound });
    if (isRefusal(answer)) throw new RpcFault('internal', `identity refused to check a session: ${answer.code}`);
    if (answer.session === undefined) return undefined;
    const { userId, sessionId, roles, expiresAt } = answer.session;
    const principal: UserPrincipal = { kind: 'user', userId, sessionId, roles };
    const expiresAtMs = Number(expiresAt?.seconds ?? 0n) * 1_000;
    const untilMs = Math.min(world.now() + limits.sessionCacheMs, expiresAtMs);
    if (askedAt === forgotten) believed.set(key, { principal, untilMs });
    return principal;
  }

  function forgetWhere(matches: (principal: UserPrincipal) => boolean): void {
    forgotten += 1;
    asking.clear();
    for (const [key, { principal }] of believed.entries()) if (matches(principal)) believed.delete(key);
  }

  return {
    check: async (token, context) => {
      if (!isTokenShaped(token)) return undefined;
      const key = tokenHash(token);
      const known = believed.get(key);
      if (known !== undefined && known.untilMs > world.now()) return known.principal;
      const pending = asking.get(key) ?? ask(token, key, context);
      asking.set(key, pending);
      try {
        return await pending;
      } finally {
        if (asking.get(key) === pending) asking.delete(key);
      }
    },
    forgetToken: (token) => {
      forgotten += 1;
      asking.clear();
      believed.delete(tokenHash(token));
    },
    forgetSession: (sessionId) => forgetWhere((principal) => principal.sessionId === sessionId),
    forgetUser: (userId) => forgetWhere((principal) => principal.userId === userId),
  };
}
