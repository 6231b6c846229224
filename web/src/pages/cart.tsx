/** What somebody means to buy together, and what it would cost now, said by the platform. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { bundleQuery } from '../api/bundles.ts';
import { cartKey, cartQuery, changeSeats, checkOutCart, removeFromCart, setCartCoupon, showCart } from '../api/cart.ts';
import { courseQuery } from '../api/catalogue.ts';
import { asProblem } from '../api/problem.ts';
import type { Cart, CartItem, OrderLine } from '../api/types.ts';
import { receiverWords } from '../lib/gift-words.ts';
import { isZero } from '../lib/money.ts';
import { useCartMerge } from '../lib/use-cart-merge.ts';
import { useLocalCart } from '../lib/use-local-cart.ts';
import { useMe } from '../lib/use-me.ts';
import { useTitle } from '../lib/use-title.ts';
import { plural } from '../lib/words.ts';
import { Money, Notice, PageHead } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { Icon } from '../ui/icons.tsx';
import { EmptyState, QueryView, Skeleton } from '../ui/states.tsx';
import { LocalCartPage, LocalItems } from './local-cart-page.tsx';
import { OrderSums } from './order-sums.tsx';

export function CartPage() {
  useTitle('Cart');
  const me = useMe();
  return (
    <div className="page page-checkout">
      {me.state === 'user' ? <MyCart /> : me.state === 'anonymous' ? <StrangersCart /> : <Skeleton lines={5} />}
    </div>
  );
}

function StrangersCart() {
  const courseIds = useLocalCart();
  if (courseIds.length > 0) return <LocalCartPage courseIds={courseIds} />;
  return (
    <>
      <PageHead title="Cart" />
      <Nothing>What you put into it is kept in this browser until you sign in.</Nothing>
    </>
  );
}

function MyCart() {
  const query = useQuery(cartQuery);
  return (
    <>
      <PageHead title="Cart" />
      <NotMerged />
      <QueryView query={query}>
        {(cart) =>
          cart.items.length === 0 ? (
            <Nothing>What you put into it is kept here, on every device you sign in on.</Nothing>
          ) : (
            <Filled cart={cart} />
          )
        }
      </QueryView>
    </>
  );
}

function Nothing({ children }: { children: ReactNode }) {
  return (
    <EmptyState icon="empty" title="Your cart is empty" action={<ButtonLink to="/courses">See the courses</ButtonLink>}>
      <p>{children}</p>
    </EmptyState>
  );
}

/** What was chosen before signing in and has no room stays in this browser until there is room, or it is taken out. */
function NotMerged() {
  const { courseIds, error, isTrying, tryAgain } = useCartMerge();
  if (!error) return null;
  return (
    <section className="receipt-part" aria-label="Chosen before you signed in">
      <Notice tone="warn" title="What you chose before you signed in is not in your cart yet" live>
        <p>{asProblem(error).detail}</p>
      </Notice>
      <LocalItems courseIds={courseIds} label="Chosen before you signed in" />
      <div className="button-row">
        <Button isPending={isTrying} onPress={tryAgain}>
          Try again
        </Button>
      </div>
    </section>
  );
}

function Filled({ cart }: { cart: Cart }) {
  const lines = cart.items.flatMap((item) => item.lines);
  const receivers = cart.items.flatMap(({ item, lines: ofItem }) => ofItem.map(() => item?.gift));
  return (
    <>
      <ul className="list" aria-label="In the cart">
        {cart.items.map((item) => (
          <Item key={item.id} item={item} />
        ))}
      </ul>
      {cart.items.some((item) => item.problem) && (
        <Notice tone="warn">
          <p>Take out what cannot be ordered; then the rest has its price.</p>
        </Notice>
      )}
      <Coupon key={cart.couponCode} cart={cart} />
      {cart.problem && (
        <Notice tone="danger" live>
          <p>{cart.problem.detail}</p>
        </Notice>
      )}
      {cart.total && <OrderSums order={{ ...cart, lines }} receiverOf={(_, at) => receivers[at]} />}
      <CheckOut cart={cart} />
    </>
  );
}

/** A change of the cart; its answer is the cart that is shown next. */
function useChange<Asked>(change: (asked: Asked) => Promise<{ cart: Cart }>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (answer) => showCart(client, answer),
  });
}

function Item({ item }: { item: CartItem }) {
  const remove = useChange(removeFromCart);
  const name = useName(item);
  const gift = item.item?.gift;
  return (
    <li className="list-row">
      <div className="list-main">
        <ItemTitle line={item.lines[0]} name={name} />
        {gift && <span className="list-note">A gift for {receiverWords(gift)}</span>}
        {item.item?.quantity ? <Seats item={item} quantity={item.item.quantity} /> : null}
        {item.problem && (
          <span className="list-note list-note-problem">
            <Icon name="warning" size={16} /> {item.problem.detail}
          </span>
        )}
        {remove.error && <span className="list-note">{asProblem(remove.error).detail}</span>}
      </div>
      {item.lines.map((line) => (
        <Money key={line.courseId} value={line.price} />
      ))}
      <span className="row-end">
        <Button
          look="quiet"
          small
          aria-label={`Remove ${gift ? `the gift for ${receiverWords(gift)}: ` : ''}${name}`}
          isPending={remove.isPending}
          onPress={() => remove.mutate(item)}
        >
          Remove
        </Button>
      </span>
    </li>
  );
}

/** An item has no lines while something in the cart has a problem; the catalogue knows the names of most even then. */
function useName({ item, lines }: CartItem): string {
  const isBare = lines.length === 0;
  const course = useQuery({ ...courseQuery(item?.courseId ?? ''), enabled: isBare && Boolean(item?.courseId) });
  const bundle = useQuery({ ...bundleQuery(item?.bundleId ?? ''), enabled: isBare && Boolean(item?.bundleId) });
  const known = lines.map((line) => line.title).join(', ') || course.data?.title || bundle.data?.title;
  return known || (item?.cohortId ? 'A place in a cohort' : 'An offer that is not there any more');
}

function ItemTitle({ line, name }: { line: OrderLine | undefined; name: string }) {
  if (!line) return <span className="list-title">{name}</span>;
  return (
    <Link to="/courses/$slug" params={{ slug: line.courseSlug || line.courseId }} className="list-title">
      {name}
    </Link>
  );
}

function Seats({ item, quantity }: { item: CartItem; quantity: number }) {
  const change = useChange((seats: number) => changeSeats(item.id, seats));
  return (
    <span className="list-note">
      {plural(quantity, 'seat')}{' '}
      <Button
        look="quiet"
        small
        aria-label="One seat less"
        isDisabled={quantity <= 1}
        isPending={change.isPending}
        onPress={() => change.mutate(quantity - 1)}
      >
        −
      </Button>
      <Button
        look="quiet"
        small
        aria-label="One seat more"
        isDisabled={quantity >= 1000}
        isPending={change.isPending}
        onPress={() => change.mutate(quantity + 1)}
      >
        +
      </Button>
      {change.error && asProblem(change.error).detail}
    </span>
  );
}

function Coupon({ cart }: { cart: Cart }) {
  const [code, setCode] = useState(cart.couponCode);
  const apply = useChange(setCartCoupon);
  const refused = apply.error ? asProblem(apply.error).detail : cart.couponProblem?.detail;
  return (
    <form
      className="coupon"
      onSubmit={(event) => {
        event.preventDefault();
        apply.mutate(code.trim());
      }}
    >
      <div className="coupon-row">
        <TextField
          label="Coupon code"
          value={code}
          onChange={setCode}
          autoComplete="off"
          maxLength={40}
          error={refused}
        />
        <Button type="submit" isPending={apply.isPending} isDisabled={code.trim() === cart.couponCode}>
          Apply
        </Button>
      </div>
    </form>
  );
}

/** A refusal because the cart or a price is another by now shows the new one, and lets the buyer look before going on. */
function CheckOut({ cart }: { cart: Cart }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const order = useMutation({
    mutationFn: () => checkOutCart(cart),
    onSuccess: async ({ order: placed }) => {
      await client.invalidateQueries({ queryKey: ['access'] });
      const to = placed.status === 'awaiting_payment' ? '/checkout/$orderId' : '/orders/$orderId';
      await navigate({ to, params: { orderId: placed.id } });
    },
    onSettled: () => client.invalidateQueries({ queryKey: cartKey }),
  });
  return (
    <>
      {order.error && (
        <Notice tone="danger" live>
          <p>{asProblem(order.error).detail}</p>
        </Notice>
      )}
      <Button
        look="primary"
        wide
        isPending={order.isPending}
        isDisabled={!cart.total || cart.couponProblem !== undefined}
        onPress={() => order.mutate()}
      >
        {cart.total && isZero(cart.total) ? 'Take it, nothing to pay' : 'Check out'}
      </Button>
    </>
  );
}
