/** Who gets a gift, as pages say it. */
export interface Receiver {
  readonly recipientEmail: string;
  readonly recipientName: string;
}

/** `Meera, meera@example.org`; the address alone where no name was given. */
export function receiverWords({ recipientEmail, recipientName }: Receiver): string {
  return [recipientName.trim(), recipientEmail].filter(Boolean).join(', ');
}

interface OfOrder extends Receiver {
  readonly orderId: string;
  readonly lineId: string;
}

/** Finds who gets what a line of an order bought; a line's id is unique within its order alone. */
export function receiversOf(gifts: readonly OfOrder[]): (orderId: string, lineId: string) => Receiver | undefined {
  const known = new Map(gifts.map((gift) => [`${gift.orderId} ${gift.lineId}`, gift]));
  return (orderId, lineId) => known.get(`${orderId} ${lineId}`);
}
