/** Standing permissions to charge: saved cards and UPI AutoPay. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type { ListMandatesResponse, Mandate, Money } from './types.ts';

const enc = encodeURIComponent;

export const mandatesQuery = listQuery<ListMandatesResponse>(['mandates'], '/mandates');

export const mandateQuery = (id: string) =>
  queryOptions({
    queryKey: ['mandate', id],
    queryFn: ({ signal }) => call<{ mandate: Mandate }>('GET', `/mandates/${enc(id)}`, { signal }),
    select: (answer) => answer.mandate,
  });

export interface MandateAsked {
  readonly method: { readonly type: 'card' | 'upi'; readonly token: string };
  /** The most that one charge may take. */
  readonly amountMax: Money;
}

export const createMandate = (asked: MandateAsked) =>
  withIntent(`mandate.${asked.method.type}.${asked.method.token}.${asked.amountMax.amountMinor}`, (idempotencyKey) =>
    call<{ mandate: Mandate }>('POST', '/mandates', { body: asked, idempotencyKey }),
  );

export const confirmMandate = (id: string, challengeResponse: 'approve' | 'reject') =>
  call<{ mandate: Mandate }>('POST', `/mandates/${enc(id)}:confirm`, { body: { challengeResponse } });

export const revokeMandate = (id: string) =>
  call<{ mandate: Mandate }>('POST', `/mandates/${enc(id)}:revoke`, { body: {} });
