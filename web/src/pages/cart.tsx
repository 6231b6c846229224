/** What somebody means to buy together, and what it would cost now, said by the platform. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { cartKey, cartQuery, changeSeats, checkOutCart, removeFromCart, setCartCoupon } from '../api/cart.ts';
import { asProblem } from '../api/problem.ts';
import type { Cart, CartItem, OrderLine } from '../api/types.ts';
import { isZero } from '../lib/money.ts';
import { useTitle } from '../lib/use-title.ts';
import { plural } from '../lib/words.ts';
import { Money, Notice, PageHead } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { OrderSums } from './order-sums.tsx';
import { RequireUser } from './require-user.tsx';

export function CartPage() {
  useTitle('Cart');
  return <RequireUser>{() => <MyCart />}</RequireUser>;
}

function MyCart() {
  const query = useQuery(cartQuery);
  return (
    <div className="page page-checkout">
      <PageHead title="Cart" />
      <QueryView query={query}>{(cart) => (cart.items.length === 0 ? <Nothing /> : <Filled cart={cart} />)}</QueryView>
    </div>
  );
}

function Nothing() {
  return (
    <EmptyState icon="empty" title="Your cart is empty" action={<ButtonLink to="/courses">See the courses</ButtonLink>}>
      <p>What you put into it is kept here, on every device you sign in on.</p>
    </EmptyState>
  );
}

function Filled({ cart }: { cart: Cart }) {
  const lines = cart.items.flatMap((item) => item.lines);
  return (
    <>
      <ul className="list" aria-label="In the cart">
        {cart.items.map((item) => (
          <Item key={item.id} item={item} />
        ))}
      </ul>
      <Coupon key={cart.couponCode} cart={cart} />
      {cart.problem && (
        <Notice tone="danger" live>
          <p>{cart.problem.detail}</p>
        </Notice>
      )}
      {cart.total && <OrderSums order={{ ...cart, lines }} />}
      <CheckOut cart={cart} />
    </>
  );
}

/** A change of the cart; its answer is the cart that is shown next. */
function useChange<Asked>(change: (asked: Asked) => Promise<{ cart: Cart }>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (answer) => client.setQueryData(cartKey, answer),
  });
}

function Item({ item }: { item: CartItem }) {
  const remove = useChange(removeFromCart);
  const name = nameOf(item);
  return (
    <li className="list-row">
      <div className="list-main">
        <ItemTitle line={item.lines[0]} name={name} />
        {item.item?.quantity ? <Seats item={item} quantity={item.item.quantity} /> : null}
        {item.problem && <span className="list-note">{item.problem.detail}</span>}
        {remove.error && <span className="list-note">{asProblem(remove.error).detail}</span>}
      </div>
      {item.lines.map((line) => (
        <Money key={line.courseId} value={line.price} />
      ))}
      <Button
        look="quiet"
        small
        aria-label={`Remove ${name}`}
        isPending={remove.isPending}
        onPress={() => remove.mutate(item)}
      >
        Remove
      </Button>
    </li>
  );
}

function nameOf(item: CartItem): string {
  return item.lines.map((line) => line.title).join(', ') || 'An offer that cannot be ordered';
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
