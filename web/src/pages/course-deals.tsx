/** Other ways to a course than buying it alone: dated runs with places, plans and what they cost. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { cohortsQuery } from '../api/cohorts.ts';
import { plansQuery } from '../api/subscriptions.ts';
import type { Cohort, Course } from '../api/types.ts';
import { plural } from '../lib/words.ts';
import { Badge, Time, useInBrowser } from '../ui/bits.tsx';
import { ButtonLink } from '../ui/button.tsx';
import { PlanRow } from './plan-row.tsx';

export function CourseDeals({ course }: { course: Course }) {
  const inBrowser = useInBrowser();
  const enabled = inBrowser && course.status !== 'draft';
  const cohorts = useInfiniteQuery({ ...cohortsQuery(course.id), enabled });
  const plans = useInfiniteQuery({ ...plansQuery({ courseId: course.id }), enabled });
  const runs = cohorts.data?.pages.flatMap((page) => page.cohorts).filter(isAhead) ?? [];
  const offered = plans.data?.pages.flatMap((page) => page.plans) ?? [];
  return (
    <>
      {runs.length > 0 && (
        <section className="receipt-part" aria-labelledby="cohorts-title">
          <h2 id="cohorts-title" className="section-title">
            Learn with a cohort
          </h2>
          <ul className="list">
            {runs.map((cohort) => (
              <CohortRow key={cohort.id} cohort={cohort} />
            ))}
          </ul>
        </section>
      )}
      {offered.length > 0 && (
        <section className="receipt-part" aria-labelledby="plans-title">
          <h2 id="plans-title" className="section-title">
            Or subscribe
          </h2>
          <ul className="list">
            {offered.map((plan) => (
              <PlanRow key={plan.id} plan={plan} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function isAhead(cohort: Cohort): boolean {
  return !cohort.closed && new Date(cohort.endsAt ?? 0).getTime() > Date.now();
}

function CohortRow({ cohort }: { cohort: Cohort }) {
  const onSale = new Date(cohort.salesEndAt ?? cohort.startsAt ?? 0).getTime() > Date.now();
  return (
    <li className="list-row">
      <div className="list-main">
        <span className="list-title">{cohort.title}</span>
        <span className="list-note">
          <Time at={cohort.startsAt} /> to <Time at={cohort.endsAt} />
        </span>
      </div>
      {cohort.placesLeft > 0 && onSale ? (
        <>
          <Badge tone={cohort.placesLeft <= 5 ? 'warn' : 'good'}>{plural(cohort.placesLeft, 'place')} left</Badge>
          <ButtonLink to="/buy" search={{ cohort: cohort.id }} aria-label={`Take a place in ${cohort.title}`}>
            Take a place
          </ButtonLink>
        </>
      ) : (
        <Badge>{onSale ? 'Full' : 'No longer sold'}</Badge>
      )}
    </li>
  );
}
