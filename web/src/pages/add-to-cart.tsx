import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { addToCart, cartQuery, showCart } from '../api/cart.ts';
import { asProblem } from '../api/problem.ts';
import { localCartMax } from '../lib/local-cart.ts';
import { localCart, useLocalCart } from '../lib/use-local-cart.ts';
import { Notice, useInBrowser } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';

/** Puts a course into the cart of who is signed in; once it is there, the way to the cart. */
export function AddToCart({ courseId }: { courseId: string }) {
  const client = useQueryClient();
  const cart = useQuery(cartQuery);
  const add = useMutation({
    mutationFn: () => addToCart({ courseId }),
    onSuccess: (answer) => showCart(client, answer),
  });
  const isThere = cart.data?.items.some(({ item }) => item?.courseId === courseId && !item.gift && !item.quantity);
  if (isThere) return <InYourCart />;
  return (
    <>
      <Button wide isPending={add.isPending} onPress={() => add.mutate()}>
        Add to cart
      </Button>
      {add.error && (
        <Notice tone="danger" live>
          <p>{asProblem(add.error).detail}</p>
        </Notice>
      )}
    </>
  );
}

/** Puts a course into the cart that this browser keeps until somebody signs in. */
export function AddToLocalCart({ courseId }: { courseId: string }) {
  const [isFull, setFull] = useState(false);
  // Before the page has taken over from the server's rendering, a press would be lost without a word.
  const inBrowser = useInBrowser();
  if (useLocalCart().includes(courseId)) return <InYourCart />;
  return (
    <>
      <Button wide isDisabled={!inBrowser} onPress={() => setFull(!localCart.add(courseId))}>
        Add to cart
      </Button>
      {isFull && (
        <Notice tone="danger" live>
          <p>A cart holds at most {localCartMax} courses; take some out first.</p>
        </Notice>
      )}
    </>
  );
}

function InYourCart() {
  return (
    <ButtonLink to="/cart" wide>
      In your cart, see it
    </ButtonLink>
  );
}
