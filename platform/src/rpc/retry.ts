/** Calls that may be made again by the contract's word (`retry_safe`) are made again when nobody answered them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { World } from '../world.ts';
import { rulesOf } from './access.ts';
import { createRetryBudget } from './retry-budget.ts';
import { RpcFault } from './rpc.ts';
import type { Transport } from './transport.ts';

/** How often one call is made again, as far as the budget goes. */
const retriesMax = 2;
const retryPauseMs = 40;

/**
 * The same transport with retries: of methods that are `retry_safe`, after `unavailable` only, with a pause that grows,
 * never beyond the deadline, and within a budget that all calls through it share. Typed clients have it already.
 */
export function retrying(transport: Transport, world: Pick<World, 'now' | 'random'>): Transport {
  const budget = createRetryBudget();
  return {
    call: async (method, request, context) => {
      budget.called();
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await transport.call(method, request, attempt === 0 ? context : { ...context, resends: attempt });
        } catch (error) {
          const retryable = error instanceof RpcFault && error.code === 'unavailable' && rulesOf(method).retrySafe;
          const pauseMs = retryPauseMs * 2 ** attempt * (0.5 + world.random());
          if (!retryable || attempt >= retriesMax || world.now() + pauseMs >= context.deadlineAtMs) throw error;
          if (!budget.takeRetry()) throw error;
          await delay(pauseMs, undefined, { signal: context.signal }).catch(() => {
            throw error;
          });
        }
      }
    },
  };
}
