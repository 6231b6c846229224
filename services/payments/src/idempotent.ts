/** The caller's key, for operations that do all of their own work in transactions which may be done twice. */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { type CallContext, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type IdempotentCall, idempotencyScope } from '@suuupra/platform/sql/idempotency';
import type { PaymentsSurroundings } from './surroundings.ts';

export function callOf<I extends DescMessage, O extends DescMessage>(
  surroundings: PaymentsSurroundings,
  context: CallContext,
  method: string,
  input: I,
  request: MessageShape<I>,
  output: O,
): IdempotentCall<I, O> {
  return {
    scope: idempotencyScope(context),
    method,
    key: context.idempotencyKey,
    input,
    request,
    output,
    // A claim of another call is taken up: by the id of what is made everything after the claim may be done twice.
    claimant: surroundings.world.id('call'),
  };
}

/** Runs one call of a key at a time, whichever process it comes to; another at the same time is refused. */
export async function oneAtATime<T>(
  surroundings: PaymentsSurroundings,
  call: Pick<IdempotentCall<DescMessage, DescMessage>, 'scope' | 'method' | 'key'>,
  run: () => Promise<T | Refusal>,
): Promise<T | Refusal> {
  const running = `${call.scope} ${call.method} ${call.key}`;
  const ran = await surroundings.running.run(running, run);
  if (ran !== undefined) return ran.done;
  return refuse('idempotency_in_progress', 'The first request with this key has not finished; ask again in a moment.');
}
