/** Before an order is placed: what it is for, a coupon, who is billed; and what it would cost, said by the platform. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { bundleQuery } from '../api/bundles.ts';
import { addToCart, setCartCoupon, showCart } from '../api/cart.ts';
import { courseQuery } from '../api/catalogue.ts';
import { type OrderAsked, placeOrderAsked, quoteQuery } from '../api/orders.ts';
import { asProblem, type Problem } from '../api/problem.ts';
import type { BillingDetailsInput, OrderItemInput, QuoteOrderResponse } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { formatMoney, isZero } from '../lib/money.ts';
import { useTitle } from '../lib/use-title.ts';
import { Notice, PageHead } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, ErrorState, Skeleton } from '../ui/states.tsx';
import { BillingFields } from './billing-fields.tsx';
import { OrderSums } from './order-sums.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/buy');

export function BuyPage() {
  useTitle('Checkout');
  const search = route.useSearch();
  const what = wantedOf(search);
  return (
    <RequireUser>
      {() => (
        <div className="page page-checkout">
          {what ? (
            <Buy key={JSON.stringify(what)} what={what} />
          ) : (
            <EmptyState
              icon="empty"
              title="Nothing is chosen yet"
              action={<ButtonLink to="/courses">See all courses</ButtonLink>}
            />
          )}
        </div>
      )}
    </RequireUser>
  );
}

interface Wanted {
  readonly kind: 'course' | 'gift' | 'seats' | 'cohort' | 'bundle';
  readonly id: string;
}

function wantedOf(search: ReturnType<typeof route.useSearch>): Wanted | undefined {
  if (search.bundle) return { kind: 'bundle', id: search.bundle };
  if (search.cohort) return { kind: 'cohort', id: search.cohort };
  if (!search.course) return undefined;
  return { kind: search.as === 'gift' || search.as === 'seats' ? search.as : 'course', id: search.course };
}

const titles: Readonly<Record<Wanted['kind'], string>> = {
  course: 'Checkout',
  gift: 'Give a course',
  seats: 'Buy seats for a team',
  cohort: 'Take a place in a cohort',
  bundle: 'Buy a bundle',
};

interface Fields {
  readonly email: string;
  readonly name: string;
  readonly message: string;
  readonly seats: string;
  readonly coupon: string;
  readonly billing: BillingDetailsInput;
}

const empty: Fields = { email: '', name: '', message: '', seats: '5', coupon: '', billing: {} };

/** What is asked for; undefined while it is not complete enough to have a price. */
function askedOf(what: Wanted, fields: Fields): OrderAsked | undefined {
  const item = itemOf(what, fields);
  if (!item) return undefined;
  const billing = Object.fromEntries(Object.entries(fields.billing).filter(([, value]) => value.trim() !== ''));
  const couponCode = fields.coupon.trim();
  return {
    items: [item],
    ...(couponCode && { couponCode }),
    ...(Object.keys(billing).length > 0 && { billing }),
  };
}

function itemOf(what: Wanted, fields: Fields): OrderItemInput | undefined {
  switch (what.kind) {
    case 'bundle':
      return { bundleId: what.id };
    case 'cohort':
      return { cohortId: what.id };
    case 'course':
      return { courseId: what.id };
    case 'seats': {
      const quantity = Number(fields.seats);
      return Number.isInteger(quantity) && quantity > 0 ? { courseId: what.id, quantity } : undefined;
    }
    case 'gift': {
      if (!fields.email.includes('@')) return undefined;
      const gift = { recipientEmail: fields.email.trim(), recipientName: fields.name, message: fields.message };
      return { courseId: what.id, gift };
    }
  }
}

function Buy({ what }: { what: Wanted }) {
  const [fields, setFields] = useState<Fields>(empty);
  const [applied, setApplied] = useState<Fields>(empty);
  const navigate = useNavigate();
  const client = useQueryClient();
  const set = (change: Partial<Fields>) => setFields((before) => ({ ...before, ...change }));
  const quote = useQuote(askedOf(what, applied));
  const place = useMutation({
    mutationFn: placeOrderAsked,
    onSuccess: async ({ order }) => {
      await client.invalidateQueries({ queryKey: ['access'] });
      const to = order.status === 'awaiting_payment' ? '/checkout/$orderId' : '/orders/$orderId';
      await navigate({ to, params: { orderId: order.id } });
    },
  });
  const keep = useMutation({
    mutationFn: putIntoCart,
    onSuccess: async (answer) => {
      await showCart(client, answer);
      await navigate({ to: '/cart' });
    },
  });
  const error = place.error ?? keep.error ?? quote.error;
  const apply = (change: Partial<Fields> = {}) => {
    if (place.error) place.reset();
    if (keep.error) keep.reset();
    setApplied({ ...fields, ...change });
  };
  const setBilling = (billing: BillingDetailsInput) => {
    set({ billing });
    // A state is picked, not typed: there is no leaving the field to wait for.
    if (billing.stateCode !== fields.billing.stateCode) apply({ billing });
  };
  const asked = askedOf(what, fields);
  const item = itemOf(what, fields);
  return (
    <>
      <PageHead title={titles[what.kind]} lead={<Subject what={what} />} />
      <Form
        label="Order"
        onSubmit={() => {
          apply();
          if (asked) place.mutate(asked);
        }}
        error={error}
        fields={ownFields}
      >
        <fieldset className="buy-fields" onBlur={() => apply()}>
          <legend className="visually-hidden">What and for whom</legend>
          {what.kind === 'gift' && <GiftFields fields={fields} set={set} error={error} />}
          {what.kind === 'seats' && <SeatsField fields={fields} set={set} error={error} />}
          <BillingFields value={fields.billing} onChange={setBilling} error={error} />
        </fieldset>
        <CouponField fields={fields} set={set} apply={apply} quote={quote} error={error} />
        {quote.shown ? <OrderSums order={quote.shown} /> : quote.isAsking && <Skeleton lines={4} />}
        <Button type="submit" look="primary" wide isPending={place.isPending} isDisabled={!asked}>
          {quote.shown && isZero(quote.shown.total) ? 'Take it, nothing to pay' : 'Continue to payment'}
        </Button>
        <Button
          wide
          isPending={keep.isPending}
          isDisabled={!item || place.isPending}
          onPress={() => item && keep.mutate({ item, couponCode: fields.coupon.trim() })}
        >
          Add to cart
        </Button>
      </Form>
    </>
  );
}

/** With the coupon, when one is given; who is billed is asked for an order alone. */
async function putIntoCart({ item, couponCode }: { item: OrderItemInput; couponCode: string }) {
  const answer = await addToCart(item);
  return couponCode ? setCartCoupon(couponCode) : answer;
}

/** Refusals of these are said by their field; everything else at the top of the form. */
const ownFields = [
  'couponCode',
  'items[0].quantity',
  'items[0].gift.recipientEmail',
  'items[0].gift.recipientName',
  'items[0].gift.message',
  'billing.name',
  'billing.address',
  'billing.stateCode',
  'billing.gstin',
];

interface Quote {
  /** With the coupon when it was taken, without it when it was refused. */
  readonly shown: QuoteOrderResponse | undefined;
  readonly withCoupon: QuoteOrderResponse | undefined;
  readonly isAsking: boolean;
  readonly error: Problem | undefined;
}

function useQuote(asked: OrderAsked | undefined): Quote {
  const { couponCode, ...plain } = asked ?? { items: [] };
  const hasCoupon = asked !== undefined && couponCode !== undefined;
  const without = useQuery({
    ...quoteQuery(plain),
    enabled: asked !== undefined,
    placeholderData: keepPreviousData,
  });
  const reduced = useQuery({ ...quoteQuery(asked ?? plain), enabled: hasCoupon });
  const withCoupon = hasCoupon && !reduced.error ? reduced.data : undefined;
  const error = without.error ?? (hasCoupon ? reduced.error : null);
  return {
    shown: withCoupon ?? (without.error ? undefined : without.data),
    withCoupon,
    isAsking: without.isFetching,
    error: error ? asProblem(error) : undefined,
  };
}

/** The name of what is bought, before the platform has been asked for its price. */
function Subject({ what }: { what: Wanted }) {
  const isCourse = what.kind !== 'bundle' && what.kind !== 'cohort';
  const course = useQuery({ ...courseQuery(what.id), enabled: isCourse });
  const bundle = useQuery({ ...bundleQuery(what.id), enabled: what.kind === 'bundle' });
  const error = course.error ?? bundle.error;
  if (error) return <ErrorState problem={asProblem(error)} />;
  return course.data?.title ?? bundle.data?.title ?? null;
}

interface PartProps {
  fields: Fields;
  set: (change: Partial<Fields>) => void;
  error: unknown;
}

function GiftFields({ fields, set, error }: PartProps) {
  return (
    <>
      <TextField
        label="E-mail address of who gets it"
        type="email"
        value={fields.email}
        onChange={(email) => set({ email })}
        isRequired
        hint="They get a mail with a code that opens the course. The price shows when the address is filled in."
        error={fieldError(error, 'items[0].gift.recipientEmail')}
      />
      <TextField
        label="Their name"
        value={fields.name}
        onChange={(name) => set({ name })}
        maxLength={120}
        error={fieldError(error, 'items[0].gift.recipientName')}
      />
      <TextField
        label="A message to them"
        rows={3}
        value={fields.message}
        onChange={(message) => set({ message })}
        maxLength={500}
        error={fieldError(error, 'items[0].gift.message')}
      />
    </>
  );
}

function SeatsField({ fields, set, error }: PartProps) {
  return (
    <TextField
      label="Seats"
      inputMode="numeric"
      value={fields.seats}
      onChange={(seats) => set({ seats })}
      hint="From 1 to 1,000. You say afterwards who gets them."
      error={
        itemOf({ kind: 'seats', id: 'any' }, fields) ? fieldError(error, 'items[0].quantity') : 'Give a whole number.'
      }
    />
  );
}

function CouponField({ fields, set, apply, quote, error }: PartProps & { apply: () => void; quote: Quote }) {
  const taken = quote.withCoupon;
  const isCurrent = taken !== undefined && taken.couponCode.toLowerCase() === fields.coupon.trim().toLowerCase();
  return (
    <div className="coupon">
      <div className="coupon-row">
        <TextField
          label="Coupon code"
          value={fields.coupon}
          onChange={(coupon) => set({ coupon })}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            apply();
          }}
          autoComplete="off"
          maxLength={40}
          error={fieldError(error, 'couponCode')}
        />
        <Button onPress={() => apply()} isDisabled={fields.coupon.trim() === ''}>
          Apply
        </Button>
      </div>
      {isCurrent && (
        <Notice tone="good" live>
          <p>
            {taken.couponCode} takes {formatMoney(taken.discount)} off. You pay {formatMoney(taken.total)}.
          </p>
        </Notice>
      )}
    </div>
  );
}
