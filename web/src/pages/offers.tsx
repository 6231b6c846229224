/** What an instructor offers beside the price of a course: coupons, bundles, plans, cohorts. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { myCoursesQuery } from '../api/authoring.ts';
import type { Course } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { PageHead } from '../ui/bits.tsx';
import { ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { BundleOffers } from './offer-bundles.tsx';
import { CohortOffers } from './offer-cohorts.tsx';
import { CouponOffers } from './offer-coupons.tsx';
import { PlanOffers } from './offer-plans.tsx';
import { RequireUser } from './require-user.tsx';
import { TeachNav } from './teach-nav.tsx';

export function OffersPage() {
  useTitle('Offers');
  return <RequireUser holding="instructor">{() => <Offers />}</RequireUser>;
}

function Offers() {
  const query = useInfiniteQuery(myCoursesQuery);
  return (
    <div className="page">
      <TeachNav />
      <PageHead title="Offers" />
      <QueryView query={query}>
        {(data) => {
          const courses = data.pages.flatMap((page) => page.courses).filter((course) => course.status !== 'draft');
          return courses.length === 0 ? <NothingToOffer /> : <OfferTabs courses={courses} />;
        }}
      </QueryView>
    </div>
  );
}

function NothingToOffer() {
  return (
    <EmptyState icon="book" title="Publish a course first" action={<ButtonLink to="/teach">My courses</ButtonLink>}>
      <p>Coupons, bundles, plans and cohorts are made of courses that are on sale.</p>
    </EmptyState>
  );
}

function OfferTabs({ courses }: { courses: readonly Course[] }) {
  return (
    <Tabs
      label="Kinds of offers"
      items={[
        { id: 'coupons', label: 'Coupons', content: <CouponOffers courses={courses} /> },
        { id: 'bundles', label: 'Bundles', content: <BundleOffers courses={courses} /> },
        { id: 'plans', label: 'Plans', content: <PlanOffers courses={courses} /> },
        { id: 'cohorts', label: 'Cohorts', content: <CohortOffers courses={courses} /> },
      ]}
    />
  );
}
