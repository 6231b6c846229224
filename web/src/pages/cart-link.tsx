/** The way to the cart, and how many things are in it: of who is signed in, or of this browser. */
import { useQuery } from '@tanstack/react-query';
import { cartQuery } from '../api/cart.ts';
import { useCartMerge } from '../lib/use-cart-merge.ts';
import { useMe } from '../lib/use-me.ts';
import { plural } from '../lib/words.ts';
import { ButtonLink } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';

/** The page of the cart asks anew; the header need not at each page. */
const staleMs = 60_000;

export function CartLink() {
  const count = useCartCount();
  return (
    <ButtonLink
      to="/cart"
      look="quiet"
      small
      className="bell"
      aria-label={count === 0 ? 'Cart' : `Cart, ${plural(count, 'item')}`}
    >
      <Icon name="cart" />
      {count > 0 && <span className="bell-count cart-count">{count}</span>}
    </ButtonLink>
  );
}

function useCartCount(): number {
  const me = useMe();
  const { courseIds } = useCartMerge();
  const { data } = useQuery({ ...cartQuery, staleTime: staleMs, enabled: me.state === 'user' });
  if (me.state === 'anonymous') return courseIds.length;
  return me.state === 'user' ? (data?.items.length ?? 0) : 0;
}
