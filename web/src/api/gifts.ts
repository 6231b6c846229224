/** Courses bought for somebody else. A code is a secret: it goes in a body, never in a query. */
import { queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type { Gift, ListGiftsResponse, LookAtGiftResponse, RedeemGiftResponse } from './types.ts';

export const giftsQuery = listQuery<ListGiftsResponse>(['gifts'], '/gifts');

/** So many orders are named in one call, and as many pages are read as twenty gifts an order fill. */
const ordersMax = 100;
const pagesMax = 20;

/** My gifts of these orders; those of orders that are not paid are not told. */
export const giftsOfQuery = (orderIds: readonly string[]) =>
  queryOptions({
    queryKey: ['gifts', 'of', orderIds],
    queryFn: async ({ signal }) => {
      const gifts: Gift[] = [];
      for (let start = 0; start < orderIds.length; start += ordersMax)
        gifts.push(...(await giftsOf(orderIds.slice(start, start + ordersMax), signal)));
      return gifts;
    },
    staleTime: 30_000,
  });

async function giftsOf(orderIds: readonly string[], signal: AbortSignal): Promise<Gift[]> {
  const asked = orderIds.map((id) => `&orderIds=${encodeURIComponent(id)}`).join('');
  const gifts: Gift[] = [];
  let pageToken = '';
  for (let page = 0; page < pagesMax; page += 1) {
    const path = `/gifts${query({ pageSize: 100, pageToken })}${asked}`;
    const answer = await call<ListGiftsResponse>('GET', path, { signal });
    gifts.push(...answer.gifts);
    pageToken = answer.nextPageToken;
    if (!pageToken) break;
  }
  return gifts;
}

/** Makes a new code and sends it; the one before is void. */
export const resendGift = (id: string, recipientEmail: string) =>
  withIntent(`resend-gift.${id}.${recipientEmail}`, (idempotencyKey) =>
    call<{ gift: Gift }>('POST', `/gifts/${encodeURIComponent(id)}:resend`, {
      body: { recipientEmail },
      idempotencyKey,
    }),
  );

/** What a code is for, also for who is not signed in. */
export const giftCodeQuery = (code: string) =>
  queryOptions({
    queryKey: ['gift-code', code],
    queryFn: ({ signal }) => call<LookAtGiftResponse>('POST', '/gifts:look', { body: { code }, signal }),
  });

export const redeemGift = (code: string) =>
  withIntent(`redeem-gift.${code}`, (idempotencyKey) =>
    call<RedeemGiftResponse>('POST', '/gifts:redeem', { body: { code }, idempotencyKey }),
  );
