/** Courses bought for somebody else. A code is a secret: it goes in a body, never in a query. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type { Gift, ListGiftsResponse, LookAtGiftResponse, RedeemGiftResponse } from './types.ts';

export const giftsQuery = listQuery<ListGiftsResponse>(['gifts'], '/gifts');

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
