import { useQuery } from '@tanstack/react-query';
import { giftsOfQuery } from '../api/gifts.ts';
import { type Receiver, receiversOf } from '../lib/gift-words.ts';

/** Who gets the gifts of these orders of the reader's, by order and line; nobody while it is not known. */
export function useReceivers(orderIds: readonly string[]): (orderId: string, lineId: string) => Receiver | undefined {
  const { data } = useQuery({ ...giftsOfQuery(orderIds), enabled: orderIds.length > 0 });
  return receiversOf(data ?? []);
}
