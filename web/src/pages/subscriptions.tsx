import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { subscriptionsQuery } from '../api/subscriptions.ts';
import type { Subscription } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { Badge, PageHead, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { planPrice } from './plan-row.tsx';
import { RequireUser } from './require-user.tsx';

export function SubscriptionsPage() {
  useTitle('Subscriptions');
  return <RequireUser>{() => <Subscriptions />}</RequireUser>;
}

function Subscriptions() {
  const query = useInfiniteQuery(subscriptionsQuery);
  return (
    <div className="page page-medium">
      <PageHead title="Subscriptions" actions={<ButtonLink to="/plans">See the plans</ButtonLink>} />
      <QueryView query={query}>
        {(data) => <SubscriptionList subscriptions={data.pages.flatMap((page) => page.subscriptions)} />}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older subscriptions
        </Button>
      )}
    </div>
  );
}

function SubscriptionList({ subscriptions }: { subscriptions: readonly Subscription[] }) {
  if (subscriptions.length === 0) {
    return (
      <EmptyState icon="refund" title="No subscriptions" action={<ButtonLink to="/plans">See the plans</ButtonLink>}>
        <p>What you subscribe to, with its next charge, is kept here.</p>
      </EmptyState>
    );
  }
  return (
    <ul className="list">
      {subscriptions.map((one) => (
        <li key={one.id} className="list-row">
          <div className="list-main">
            <Link to="/subscriptions/$subscriptionId" params={{ subscriptionId: one.id }} className="list-title">
              {one.plan?.title}
            </Link>
            <span className="list-note">
              <NextCharge subscription={one} />
            </span>
          </div>
          <SubscriptionBadge subscription={one} />
          <span className="tabular">{one.plan && planPrice(one.plan)}</span>
        </li>
      ))}
    </ul>
  );
}

/** What happens next, in a few words. */
export function NextCharge({ subscription }: { subscription: Subscription }) {
  const { status, cancelAtPeriodEnd, periodEnd, endedAt, nextTryAt } = subscription;
  if (status === 'ended') {
    return (
      <>
        Ended <Time at={endedAt} style="date" />
      </>
    );
  }
  if (status === 'incomplete') return <>The first charge is under way</>;
  if (status === 'past_due') {
    return (
      <>
        The charge failed; tried again <Time at={nextTryAt} />
      </>
    );
  }
  return (
    <>
      {cancelAtPeriodEnd ? 'Open until' : 'Next charge'} <Time at={periodEnd} style="date" />
    </>
  );
}

const badges = {
  incomplete: ['warn', 'Waiting for the payment'],
  trialing: ['good', 'Free trial'],
  active: ['good', 'Active'],
  past_due: ['danger', 'Past due'],
  ended: ['neutral', 'Ended'],
} as const;

export function SubscriptionBadge({ subscription }: { subscription: Subscription }) {
  const [tone, words] = badges[subscription.status ?? 'incomplete'];
  if (subscription.cancelAtPeriodEnd && subscription.status !== 'ended') return <Badge tone="warn">Cancelled</Badge>;
  return <Badge tone={tone}>{words}</Badge>;
}
