/** Who calls, and what their answer is marked with. */
import { type CallContext, hasRole } from '@suuupra/platform/rpc/rpc';

export function userIdOf(context: CallContext): string | undefined {
  return context.principal.kind === 'user' ? context.principal.userId : undefined;
}

export function isFinance(context: CallContext): boolean {
  return hasRole(context.principal, 'finance');
}

/** Marks the answer as the one that the first request with this key got. */
export function replayed<T>(context: CallContext, answer: T): T {
  context.answer.idempotentReplayed = true;
  return answer;
}
