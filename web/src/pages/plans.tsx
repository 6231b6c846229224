/** Plans and bundles on sale, for everybody. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { bundlesQuery } from '../api/bundles.ts';
import { plansQuery } from '../api/subscriptions.ts';
import type { Bundle, Plan } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { Money, PageHead } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { PlanRow } from './plan-row.tsx';

export function PlansPage() {
  useTitle('Plans and bundles');
  const plans = useInfiniteQuery(plansQuery());
  const bundles = useInfiniteQuery(bundlesQuery);
  return (
    <div className="page page-medium">
      <PageHead title="Plans and bundles" lead="Several courses at once: for as long as you subscribe, or for good." />
      <QueryView query={plans}>{(data) => <Plans plans={data.pages.flatMap((page) => page.plans)} />}</QueryView>
      {plans.hasNextPage && (
        <Button isPending={plans.isFetchingNextPage} onPress={() => void plans.fetchNextPage()}>
          Show more plans
        </Button>
      )}
      <QueryView query={bundles}>
        {(data) => <Bundles bundles={data.pages.flatMap((page) => page.bundles)} />}
      </QueryView>
      {bundles.hasNextPage && (
        <Button isPending={bundles.isFetchingNextPage} onPress={() => void bundles.fetchNextPage()}>
          Show more bundles
        </Button>
      )}
    </div>
  );
}

function Plans({ plans }: { plans: readonly Plan[] }) {
  if (plans.length === 0) {
    return (
      <EmptyState
        icon="book"
        title="No plans are on sale"
        action={<ButtonLink to="/courses">See all courses</ButtonLink>}
      >
        <p>Every course can be bought by itself.</p>
      </EmptyState>
    );
  }
  return (
    <section className="receipt-part" aria-labelledby="plans-title">
      <h2 id="plans-title" className="section-title">
        Plans
      </h2>
      <ul className="list">
        {plans.map((plan) => (
          <PlanRow key={plan.id} plan={plan} />
        ))}
      </ul>
    </section>
  );
}

function Bundles({ bundles }: { bundles: readonly Bundle[] }) {
  if (bundles.length === 0) return null;
  return (
    <section className="receipt-part" aria-labelledby="bundles-title">
      <h2 id="bundles-title" className="section-title">
        Bundles
      </h2>
      <ul className="list">
        {bundles.map((bundle) => (
          <li key={bundle.id} className="list-row">
            <div className="list-main">
              <span className="list-title">{bundle.title}</span>
              {bundle.summary && <span className="list-note">{bundle.summary}</span>}
              <span className="list-note">
                {bundle.courses.map((course, index) => (
                  <span key={course.courseId}>
                    {index > 0 && ', '}
                    <Link to="/courses/$slug" params={{ slug: course.slug || course.courseId }}>
                      {course.title}
                    </Link>
                  </span>
                ))}
              </span>
            </div>
            <Money value={bundle.price} />
            <ButtonLink to="/buy" search={{ bundle: bundle.id }} aria-label={`Buy ${bundle.title}`}>
              Buy
            </ButtonLink>
          </li>
        ))}
      </ul>
    </section>
  );
}
