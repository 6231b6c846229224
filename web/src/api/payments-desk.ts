/** Payments that wait for a person, and what decides whether a payment is let through. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type {
  Attention,
  ListAttentionResponse,
  ListBlocksResponse,
  ListRiskDecisionsResponse,
  ListRiskRulesResponse,
  Money,
  Payment,
  RiskOutcome,
} from './types.ts';

const payment = (id: string) => `/payments/${encodeURIComponent(id)}`;

export const attentionQuery = (asked: { closed?: boolean }) =>
  listQuery<ListAttentionResponse>(['finance', 'attention', asked], '/payments-attention', asked);

export const closeAttention = (id: string, note: string) =>
  call<{ item: Attention }>('POST', `/payments-attention/${encodeURIComponent(id)}:close`, { body: { note } });

export const syncPayment = (id: string) => call<{ payment: Payment }>('POST', `${payment(id)}:sync`, { body: {} });

export const capturePayment = (id: string) =>
  withIntent(`capture.${id}`, (idempotencyKey) =>
    call<{ payment: Payment }>('POST', `${payment(id)}:capture`, { body: { final: true }, idempotencyKey }),
  );

/** `amount` is what is to be held in all. */
export const raiseAuthorization = (id: string, amount: Money) =>
  withIntent(`increment.${id}.${amount.amountMinor}`, (idempotencyKey) =>
    call<{ payment: Payment }>('POST', `${payment(id)}:increment`, { body: { amount }, idempotencyKey }),
  );

export const voidPayment = (id: string) => call<{ payment: Payment }>('POST', `${payment(id)}:void`, { body: {} });

export const riskRulesQuery = queryOptions({
  queryKey: ['finance', 'risk-rules'],
  queryFn: ({ signal }) => call<ListRiskRulesResponse>('GET', '/risk/rules', { signal }),
});

export const riskBlocksQuery = listQuery<ListBlocksResponse>(['finance', 'risk-blocks'], '/risk/blocks');

export const riskDecisionsQuery = (asked: { outcome?: RiskOutcome | undefined }) =>
  listQuery<ListRiskDecisionsResponse>(['finance', 'risk-decisions', asked], '/risk/decisions', asked);
