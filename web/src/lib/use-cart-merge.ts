/** The cart of before sign-in goes into the cart of who signs in. */
import { type QueryClient, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { mergeCart, showCart } from '../api/cart.ts';
import { toast } from '../ui/toast.tsx';
import { localCart, useLocalCart } from './use-local-cart.ts';
import { useMe } from './use-me.ts';
import { plural } from './words.ts';

/**
 * Merging the same again changes nothing, so an answer that was lost is simply asked for again, here or in another tab. What
 * was sent leaves this browser only after the platform has said yes.
 */
const mergeQuery = (client: QueryClient, courseIds: readonly string[]) =>
  queryOptions({
    queryKey: ['cart-merge', courseIds],
    queryFn: async () => {
      const answer = await mergeCart(courseIds.map((courseId) => ({ courseId })));
      await showCart(client, answer);
      localCart.remove(courseIds);
      toast(`${plural(courseIds.length, 'course')} from before you signed in: now in your cart.`);
      return answer;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

interface CartMerge {
  readonly courseIds: readonly string[];
  readonly error: Error | null;
  readonly isTrying: boolean;
  tryAgain(): void;
}

/** Merges as soon as somebody is signed in; `error` says why it was refused, and the courses then stay in this browser. */
export function useCartMerge(): CartMerge {
  const client = useQueryClient();
  const me = useMe();
  const courseIds = useLocalCart();
  const enabled = me.state === 'user' && courseIds.length > 0;
  const { error, isFetching, refetch } = useQuery({ ...mergeQuery(client, courseIds), enabled });
  return { courseIds, error: enabled ? error : null, isTrying: isFetching, tryAgain: () => void refetch() };
}
