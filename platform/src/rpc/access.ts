/**
 * Who may call a method: the rule declared in the contract, enforced before every handler whatever the transport. A
 * method without a declared access is callable by nobody.
 */
import { create, type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import {
  Access,
  type MethodRules,
  MethodRulesSchema,
  rules as rulesOption,
} from '@suuupra/contracts/gen/suuupra/options/v1/options_pb.ts';
import { hasRole, type Principal, type Refusal, refuse } from './rpc.ts';

const known = new WeakMap<DescMethod, MethodRules>();

/** The method's declared rules; all defaults, hence closed to everybody, where it declares none. */
export function rulesOf(method: DescMethod): MethodRules {
  let found = known.get(method);
  if (found === undefined) {
    found = hasOption(method, rulesOption) ? getOption(method, rulesOption) : create(MethodRulesSchema);
    known.set(method, found);
  }
  return found;
}

/** Undefined when the call may go on; else `unauthenticated` or `permission_denied`. */
export function refuseByAccess(
  rules: Pick<MethodRules, 'access' | 'roles' | 'callers'>,
  principal: Principal,
  caller: string,
): Refusal | undefined {
  if (principal.kind === 'service' && principal.name !== caller) {
    return refuse('permission_denied', 'A service speaks for itself or for a user, not for another service.');
  }
  switch (rules.access) {
    case Access.PUBLIC:
      return undefined;
    case Access.SIGNED_IN:
      return principal.kind === 'user' ? undefined : refuseUnsigned(principal);
    case Access.ROLES:
      if (principal.kind !== 'user') return refuseUnsigned(principal);
      return rules.roles.some((role) => hasRole(principal, role))
        ? undefined
        : refuse('permission_denied', `This needs the role ${rules.roles.join(' or ')}.`);
    case Access.SERVICES:
      return rules.callers.includes(caller)
        ? undefined
        : refuse('permission_denied', 'This method is not open to this caller.');
    default:
      return refuse('permission_denied', 'This method is open to nobody.');
  }
}

function refuseUnsigned(principal: Principal): Refusal {
  return principal.kind === 'anonymous'
    ? refuse('unauthenticated', 'Sign in, or send a session token as a bearer token.')
    : refuse('permission_denied', 'Only a signed-in person may call this.');
}

/** Printable ASCII without spaces at the ends: what can travel in every header and log line unchanged. */
const idempotencyKeyFormat = /^[!-~](?:[ -~]{0,198}[!-~])?$/;

/** Undefined when the key will do; `idempotency_key_required` or `idempotency_key_invalid` otherwise. */
export function refuseByIdempotencyKey(
  rules: Pick<MethodRules, 'idempotencyKeyRequired'>,
  key: string,
): Refusal | undefined {
  if (key === '') {
    return rules.idempotencyKeyRequired
      ? refuse('idempotency_key_required', 'Send an Idempotency-Key header: 1 to 200 characters, new for each request.')
      : undefined;
  }
  return idempotencyKeyFormat.test(key)
    ? undefined
    : refuse('idempotency_key_invalid', 'An Idempotency-Key is 1 to 200 printable ASCII characters.');
}
