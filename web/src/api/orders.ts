/** Orders, payments and refunds. Everything that moves money runs under one intent: see intent.ts. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import { withIntent } from './intent.ts';
import type {
  BillingDetailsInput,
  Money,
  Order,
  OrderItemInput,
  Payment,
  QuoteOrderResponse,
  Refund,
  RefundItemInput,
} from './types.ts';

export interface OrdersPage {
  readonly orders: Order[];
  readonly nextPageToken?: string;
}

export const orderQuery = (id: string) =>
  queryOptions({
    queryKey: ['order', id],
    queryFn: ({ signal }) => call<{ order: Order }>('GET', `/orders/${encodeURIComponent(id)}`, { signal }),
    select: (answer) => answer.order,
  });

/** `all`: everybody's, for finance. */
export const ordersQuery = (asked: { all?: boolean; status?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['orders', asked],
    queryFn: ({ signal, pageParam }) =>
      call<OrdersPage>('GET', `/orders${query({ ...asked, pageToken: pageParam })}`, { signal }),
    initialPageParam: '',
    getNextPageParam: (last: OrdersPage) => last.nextPageToken || undefined,
  });

export const placeOrder = (courseId: string) =>
  withIntent(`order.${courseId}`, (idempotencyKey) =>
    call<{ order: Order }>('POST', '/orders', { body: { items: [{ courseId }] }, idempotencyKey }),
  );

/** What is to be bought, with a coupon and who is billed. */
export interface OrderAsked {
  readonly items: readonly OrderItemInput[];
  readonly couponCode?: string;
  readonly billing?: BillingDetailsInput;
}

/** The sums and refusals of placing the order now, without any effect. */
export const quoteQuery = (asked: OrderAsked) =>
  queryOptions({
    queryKey: ['quote', asked],
    queryFn: ({ signal }) => call<QuoteOrderResponse>('POST', '/orders:quote', { body: asked, signal }),
    staleTime: 0,
  });

export const placeOrderAsked = (asked: OrderAsked) =>
  withIntent(`order.${JSON.stringify(asked)}`, (idempotencyKey) =>
    call<{ order: Order }>('POST', '/orders', { body: asked, idempotencyKey }),
  );

export const cancelOrder = (id: string) =>
  call<{ order: Order }>('POST', `/orders/${encodeURIComponent(id)}:cancel`, { body: {} });

export interface Method {
  readonly type: 'card' | 'upi';
  readonly token: string;
}

/** The key belongs to the order and the chosen method: choosing another one is another intent. */
export const pay = (orderId: string, method: Method) =>
  withIntent(`pay.${orderId}.${method.type}.${method.token}`, (idempotencyKey) =>
    call<{ payment: Payment }>('POST', `/orders/${encodeURIComponent(orderId)}/payments`, {
      body: { method },
      idempotencyKey,
    }),
  );

/** The payment is made and waits: nothing is charged before `confirmPayment`. */
export const payLater = (orderId: string, method: Method) =>
  withIntent(`pay-later.${orderId}.${method.type}.${method.token}`, (idempotencyKey) =>
    call<{ payment: Payment }>('POST', `/orders/${encodeURIComponent(orderId)}/payments`, {
      body: { method, confirmation: 'later' },
      idempotencyKey,
    }),
  );

export const paymentsQuery = (orderId: string) =>
  queryOptions({
    queryKey: ['payments', orderId],
    queryFn: ({ signal }) =>
      call<{ payments: Payment[] }>('GET', `/orders/${encodeURIComponent(orderId)}/payments`, { signal }),
    select: (answer) => answer.payments,
  });

export const paymentQuery = (id: string) =>
  queryOptions({
    queryKey: ['payment', id],
    queryFn: ({ signal }) => call<{ payment: Payment }>('GET', `/payments/${encodeURIComponent(id)}`, { signal }),
    select: (answer) => answer.payment,
  });

/** Without an answer to a challenge: sends a payment that waits on its way, once, however often it is asked. */
export const confirmPayment = (id: string, challengeResponse: 'approve' | 'reject' | '' = '') =>
  call<{ payment: Payment }>('POST', `/payments/${encodeURIComponent(id)}:confirm`, { body: { challengeResponse } });

/** Only of a payment that waits for its payer. */
export const cancelPayment = (id: string) =>
  call<{ payment: Payment }>('POST', `/payments/${encodeURIComponent(id)}:cancel`, { body: {} });

export interface RefundAsked {
  readonly reason: string;
  /** Absent, with no items: all that is left. */
  readonly amount?: Money;
  /** What is left of whole lines; not together with an amount. */
  readonly items?: readonly RefundItemInput[];
}

export const requestRefund = (orderId: string, asked: RefundAsked) =>
  withIntent(`refund.${orderId}.${JSON.stringify(asked)}`, (idempotencyKey) =>
    call<{ refund: Refund }>('POST', `/orders/${encodeURIComponent(orderId)}/refunds`, { body: asked, idempotencyKey }),
  );
