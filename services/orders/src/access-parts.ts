/** What gifts, seats, cohorts and subscriptions work with, and what they have in common. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import type { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import type { PaymentsChargingService } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { type CallContext, type Client, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { beginIdempotent, finishIdempotent, idempotencyScope } from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { isFinance, replayed, userIdOf } from './caller.ts';
import type { OrdersSurroundings } from './change.ts';

export interface AccessSurroundings extends OrdersSurroundings {
  readonly clients: OrdersSurroundings['clients'] & {
    readonly charging: Pick<Client<typeof PaymentsChargingService>, 'findMandate' | 'chargeMandate'>;
    readonly identity: Pick<Client<typeof IdentityService>, 'getUsers' | 'findUserByEmail'>;
  };
}

/** What an operation answers: its message, or a refusal. */
export type Answer<O extends DescMessage> = Promise<MessageInitShape<O> | Refusal>;

export interface OnceCall<I extends DescMessage, O extends DescMessage> {
  readonly method: string;
  readonly input: I;
  readonly request: MessageShape<I>;
  readonly output: O;
  readonly context: CallContext;
}

/**
 * Runs an operation of one transaction once for its Idempotency-Key: what it did and what it answered are written
 * together. A refusal undoes all of it and leaves the key free.
 */
export async function once<I extends DescMessage, O extends DescMessage>(
  { sql, world }: Pick<AccessSurroundings, 'sql' | 'world'>,
  { context, ...given }: OnceCall<I, O>,
  work: (tx: SqlTransaction) => Promise<MessageInitShape<O> | Refusal>,
): Promise<MessageShape<O> | Refusal> {
  const call = {
    ...given,
    scope: idempotencyScope(context),
    key: context.idempotencyKey,
    claimant: world.id('call'),
  };
  return refusableTransaction<MessageShape<O>>(sql, async (tx) => {
    const claim = await beginIdempotent(tx, call);
    if (claim.kind === 'answered') return replayed(context, claim.answer);
    if (claim.kind === 'refused') return claim.refusal;
    const result = await work(tx);
    if (isRefusal(result)) return result;
    const answer = create(call.output, result);
    await finishIdempotent(tx, call, answer);
    return answer;
  });
}

/** The caller's id. The rpc layer lets only users reach the methods that ask for it. */
export function signedIn(context: CallContext): string {
  const userId = userIdOf(context);
  if (userId === undefined) throw new Error('a method for signed-in users was reached by nobody');
  return userId;
}

export function isTheirs(context: CallContext, ownerId: string): boolean {
  return ownerId === userIdOf(context) || isFinance(context);
}

export function notFound(thing: string): Refusal {
  return refuse('not_found', `There is no such ${thing}.`);
}
