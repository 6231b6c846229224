/** Discounts by a code. */
import { call } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type { Coupon, CouponScope, ListCouponsResponse, Money } from './types.ts';

export const couponsQuery = listQuery<ListCouponsResponse>(['coupons'], '/coupons');

export interface CouponFields {
  readonly code: string;
  /** One of the two: 2500 is 25 %. */
  readonly percentBasisPoints?: number;
  readonly amount?: Money;
  readonly scope: CouponScope;
  readonly courseIds?: readonly string[];
  readonly validUntil?: string;
  readonly usesMax?: number;
  readonly usesPerBuyerMax?: number;
}

export const createCoupon = (body: CouponFields) =>
  withIntent(`coupon.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ coupon: Coupon }>('POST', '/coupons', { body, idempotencyKey }),
  );

export const withdrawCoupon = (id: string) =>
  call<{ coupon: Coupon }>('POST', `/coupons/${encodeURIComponent(id)}:withdraw`, { body: {} });
