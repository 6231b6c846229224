import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { addToCart, cartKey, cartQuery } from '../api/cart.ts';
import { asProblem } from '../api/problem.ts';
import { Notice } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';

/** Puts a course into the cart of who is signed in; once it is there, the way to the cart. */
export function AddToCart({ courseId }: { courseId: string }) {
  const client = useQueryClient();
  const cart = useQuery(cartQuery);
  const add = useMutation({
    mutationFn: () => addToCart({ courseId }),
    onSuccess: (answer) => client.setQueryData(cartKey, answer),
  });
  const isThere = cart.data?.items.some(({ item }) => item?.courseId === courseId && !item.gift && !item.quantity);
  if (isThere) {
    return (
      <ButtonLink to="/cart" wide>
        In your cart, see it
      </ButtonLink>
    );
  }
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
