/** One call of a signed-in person that happens once under its idempotency key. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { type CallContext, isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import {
  beginIdempotent,
  finishIdempotent,
  type IdempotentCall,
  idempotencyScope,
} from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { PayoutSurroundings } from './surroundings.ts';

export interface PayoutRpcParts extends PayoutSurroundings {
  /** Makes the bank's statements now. Only the sandbox does that. */
  readonly makeStatements: () => Promise<number>;
}

type Call<I extends DescMessage, O extends DescMessage> = IdempotentCall<I, O>;

export function callOf<I extends DescMessage, O extends DescMessage>(
  { world }: PayoutRpcParts,
  method: string,
  context: CallContext,
  messages: { readonly input: I; readonly request: MessageShape<I>; readonly output: O },
): Call<I, O> {
  // Work of one transaction leaves no claim behind, so whoever finds one may take it up.
  return {
    scope: idempotencyScope(context),
    method,
    key: context.idempotencyKey,
    claimant: world.id('call'),
    ...messages,
  };
}

/** One transaction that claims the key, does the work and keeps its answer. */
export async function once<I extends DescMessage, O extends DescMessage>(
  { sql }: PayoutRpcParts,
  call: Call<I, O>,
  context: CallContext,
  work: (tx: SqlTransaction) => Promise<MessageInitShape<O> | Refusal>,
): Promise<MessageShape<O> | Refusal> {
  return refusableTransaction(sql, async (tx) => {
    const claim = await beginIdempotent(tx, call);
    if (claim.kind === 'refused') return claim.refusal;
    if (claim.kind === 'answered') return replayed(context, claim.answer);
    const result = await work(tx);
    if (isRefusal(result)) return result;
    const answer = create(call.output, result);
    await finishIdempotent(tx, call, answer);
    return answer;
  });
}

export function replayed<T>(context: CallContext, answer: T): T {
  context.answer.idempotentReplayed = true;
  return answer;
}

/** Who asks; the access rules of the methods let only signed-in people through. */
export function userIdOf({ principal }: Pick<CallContext, 'principal'>): string {
  if (principal.kind !== 'user') throw new Error('a method for signed-in people was called by nobody');
  return principal.userId;
}
