import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { billsQuery, changeMandate, resumeSubscription, subscriptionQuery } from '../api/subscriptions.ts';
import type { Subscription, SubscriptionBill } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { backOffMs, pollAttemptsMax } from '../lib/interval.ts';
import { isZero } from '../lib/money.ts';
import { useTitle } from '../lib/use-title.ts';
import { sentence } from '../lib/words.ts';
import { Badge, Money, Notice, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { QueryView, Skeleton } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';
import { ChosenMandate, MandateSetup } from './mandate-setup.tsx';
import { planPrice } from './plan-row.tsx';
import { RequireUser } from './require-user.tsx';
import { CancelDialog, ChangePlanDialog } from './subscription-dialogs.tsx';
import { NextCharge, SubscriptionBadge } from './subscriptions.tsx';

const route = getRouteApi('/subscriptions/$subscriptionId');

export function SubscriptionPage() {
  useTitle('Subscription');
  const { subscriptionId } = route.useParams();
  return <RequireUser>{() => <SubscriptionOf id={subscriptionId} />}</RequireUser>;
}

function SubscriptionOf({ id }: { id: string }) {
  const query = useQuery({
    ...subscriptionQuery(id),
    refetchInterval: ({ state }) =>
      state.data?.subscription.status === 'incomplete' && state.dataUpdateCount < pollAttemptsMax
        ? backOffMs(state.dataUpdateCount)
        : false,
  });
  return (
    <div className="page page-medium">
      <QueryView query={query} skeleton={<Skeleton lines={8} label="Loading the subscription" />}>
        {(subscription) => <SubscriptionView subscription={subscription} />}
      </QueryView>
    </div>
  );
}

function SubscriptionView({ subscription }: { subscription: Subscription }) {
  const { plan } = subscription;
  return (
    <>
      <PageHead
        title={plan?.title ?? 'Subscription'}
        crumbs={[{ label: 'Subscriptions', link: { to: '/subscriptions' } }, { label: plan?.title || 'Subscription' }]}
        actions={subscription.status !== 'ended' && <Actions subscription={subscription} />}
      />
      <State subscription={subscription} />
      <dl className="facts">
        <Fact name="State">
          <SubscriptionBadge subscription={subscription} />
        </Fact>
        <Fact name="Price">{plan && planPrice(plan)}</Fact>
        <Fact name="What is next">
          <NextCharge subscription={subscription} />
        </Fact>
        {!isZero(subscription.credit) && (
          <Fact name="In credit">
            <Money value={subscription.credit} />
          </Fact>
        )}
      </dl>
      <section className="receipt-part" aria-labelledby="courses-title">
        <h2 id="courses-title" className="section-title">
          Courses in it
        </h2>
        <ul className="list">
          {plan?.courses.map((course) => (
            <li key={course.courseId} className="list-row">
              <Link to="/courses/$slug" params={{ slug: course.slug || course.courseId }} className="list-title">
                {course.title}
              </Link>
            </li>
          ))}
        </ul>
      </section>
      {subscription.status !== 'ended' && <HowPaid subscription={subscription} />}
      <Bills id={subscription.id} />
    </>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const endings: Readonly<Record<string, string>> = {
  cancelled: 'You cancelled it.',
  payment_failed: 'It could not be charged.',
  refunded: 'It was refunded.',
  dispute_lost: 'Its payment was disputed.',
};

function State({ subscription }: { subscription: Subscription }) {
  const { status, cancelAtPeriodEnd } = subscription;
  if (status === 'past_due') {
    return (
      <Notice tone="danger" title="The last charge failed">
        <p>
          It is tried again <Time at={subscription.nextTryAt} />. The courses stay open meanwhile. Choosing another way
          to pay below tries it at once.
        </p>
      </Notice>
    );
  }
  if (status === 'ended') {
    return (
      <Notice tone="info" title="This subscription has ended">
        <p>{endings[subscription.endedBecause] ?? 'Its courses are closed.'}</p>
      </Notice>
    );
  }
  if (!cancelAtPeriodEnd) return null;
  return (
    <Notice tone="warn" title="Cancelled">
      <p>
        The courses stay open until <Time at={subscription.periodEnd} />. Nothing more is charged.
      </p>
    </Notice>
  );
}

function Actions({ subscription }: { subscription: Subscription }) {
  const [open, setOpen] = useState<'cancel' | 'change'>();
  const client = useQueryClient();
  const resume = useMutation({
    mutationFn: () => resumeSubscription(subscription.id),
    onSuccess: (data) => {
      client.setQueryData(subscriptionQuery(subscription.id).queryKey, data);
      toast('The subscription goes on.');
    },
    onError: toastProblem,
  });
  const close = () => setOpen(undefined);
  return (
    <>
      {subscription.cancelAtPeriodEnd ? (
        <Button look="primary" isPending={resume.isPending} onPress={() => resume.mutate()}>
          Go on with it
        </Button>
      ) : (
        <Button onPress={() => setOpen('change')}>Change the plan</Button>
      )}
      <Button onPress={() => setOpen('cancel')}>{subscription.cancelAtPeriodEnd ? 'End it now' : 'Cancel it'}</Button>
      {open === 'cancel' && <CancelDialog subscription={subscription} onClose={close} />}
      {open === 'change' && <ChangePlanDialog subscription={subscription} onClose={close} />}
    </>
  );
}

/** The way it is paid now, and another one: chosen first, then confirmed. */
function HowPaid({ subscription }: { subscription: Subscription }) {
  const { mandate } = route.useSearch();
  const [changing, setChanging] = useState(mandate !== undefined);
  const navigate = useNavigate();
  const go = (mandateId?: string) =>
    void navigate({
      to: '/subscriptions/$subscriptionId',
      params: { subscriptionId: subscription.id },
      search: mandateId ? { mandate: mandateId } : {},
      replace: true,
    });
  const price = subscription.plan?.price;
  if (!price) return null;
  if (!changing) {
    return (
      <section className="pay" aria-label="How it is paid">
        <h2 className="section-title">How it is paid</h2>
        <ChosenMandate mandateId={subscription.mandateId} onOther={() => setChanging(true)}>
          {() => null}
        </ChosenMandate>
      </section>
    );
  }
  if (!mandate) {
    return (
      <MandateSetup
        amount={price}
        returnPath={(mandateId) => `/subscriptions/${subscription.id}?mandate=${mandateId}`}
        onChosen={go}
      />
    );
  }
  const done = () => {
    setChanging(false);
    go();
  };
  return (
    <section className="pay" aria-label="Another way to pay">
      <h2 className="section-title">Another way to pay</h2>
      <ChosenMandate mandateId={mandate} onOther={() => go()}>
        {() => <UseMandate id={subscription.id} mandateId={mandate} onDone={done} />}
      </ChosenMandate>
    </section>
  );
}

function UseMandate({ id, mandateId, onDone }: { id: string; mandateId: string; onDone: () => void }) {
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => changeMandate(id, mandateId),
    onSuccess: (data) => {
      client.setQueryData(subscriptionQuery(id).queryKey, data);
      void client.invalidateQueries({ queryKey: ['bills', id] });
      toast('It is paid this way from now on.');
      onDone();
    },
  });
  return (
    <Form label="Another way to pay" onSubmit={() => change.mutate()} error={change.error} fields={[]}>
      <Button type="submit" look="primary" isPending={change.isPending}>
        Pay this way from now on
      </Button>
    </Form>
  );
}

const billTones: Readonly<Record<string, 'good' | 'warn' | 'danger' | 'neutral'>> = {
  paid: 'good',
  open: 'warn',
  failed: 'danger',
};

const columns: readonly Column<SubscriptionBill>[] = [
  {
    name: 'Period',
    render: (bill) => (
      <>
        <Time at={bill.periodStart} style="date" /> to <Time at={bill.periodEnd} style="date" />
      </>
    ),
  },
  { name: 'For', render: (bill) => sentence(bill.kind) },
  {
    name: 'State',
    render: (bill) => <Badge tone={billTones[bill.status] ?? 'neutral'}>{sentence(bill.status)}</Badge>,
  },
  {
    name: 'Order',
    render: (bill) => (
      <Link to="/orders/$orderId" params={{ orderId: bill.orderId }}>
        Receipt
      </Link>
    ),
  },
  { name: 'From credit', numeric: true, render: (bill) => <Money value={bill.creditUsed} /> },
  { name: 'Charged', numeric: true, render: (bill) => <Money value={bill.amount} /> },
];

function Bills({ id }: { id: string }) {
  const query = useInfiniteQuery(billsQuery(id));
  const bills = query.data?.pages.flatMap((page) => page.bills) ?? [];
  if (bills.length === 0) return null;
  return (
    <section className="receipt-part" aria-labelledby="bills-title">
      <h2 id="bills-title" className="section-title">
        Bills
      </h2>
      <Table caption="Bills of this subscription" columns={columns} rows={bills} rowKey={(bill) => bill.orderId} />
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older bills
        </Button>
      )}
    </section>
  );
}
