/** One gift: bought by one person, redeemed once by whoever holds its code. Pure. */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';

/** A code is made and sent at most so often: a mail to a wrong address is mended, nobody is flooded. */
export const sendsMax = 5;

/** `ordered`: its order is not paid. */
export type GiftStatusWord = 'ordered' | 'open' | 'redeemed' | 'void' | 'ended';

export interface Gift {
  readonly status: GiftStatusWord;
  readonly buyerId: string;
  /** Empty until it is redeemed. */
  readonly recipientId: string;
  /** Codes made so far. */
  readonly sends: number;
}

export function bought(gift: Gift): Gift {
  return gift.status === 'ordered' ? { ...gift, status: 'open', sends: 1 } : gift;
}

/** The buyer too may redeem it: a code is for who holds it. */
export function redeemed(gift: Gift, recipientId: string): Gift | Refusal {
  if (gift.status !== 'open') return notRedeemable(gift);
  return { ...gift, status: 'redeemed', recipientId };
}

export function resent(gift: Gift): Gift | Refusal {
  if (gift.status !== 'open') return notRedeemable(gift);
  if (gift.sends >= sendsMax) return refuse('limit_reached', `A gift is sent at most ${sendsMax} times.`);
  return { ...gift, sends: gift.sends + 1 };
}

/** Its price went back. Whoever redeemed it loses the course, once. */
export function takenBack(gift: Gift): Gift {
  if (gift.status === 'redeemed') return { ...gift, status: 'ended' };
  return gift.status === 'ended' ? gift : { ...gift, status: 'void' };
}

function notRedeemable(gift: Gift): Refusal {
  const why =
    gift.status === 'redeemed' ? 'This gift has been redeemed.' : 'This gift was taken back by who bought it.';
  return refuse('gift_not_redeemable', why);
}
