/** The cart of somebody who is not signed in: courses and their prices now. The exact sums are of the cart after signing in. */
import { useQueries } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { courseQuery } from '../api/catalogue.ts';
import { asProblem } from '../api/problem.ts';
import type { Course } from '../api/types.ts';
import { localCart } from '../lib/use-local-cart.ts';
import { plural } from '../lib/words.ts';
import { Money, Notice, PageHead } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';

export function LocalCartPage({ courseIds }: { courseIds: readonly string[] }) {
  return (
    <>
      <PageHead title="Cart" />
      <LocalItems courseIds={courseIds} label="In the cart" />
      <Notice icon="cart">
        <p>
          {plural(courseIds.length, 'course')}, kept in this browser. Sign in, and{' '}
          {courseIds.length === 1 ? 'it is' : 'they are'} put into your cart, where tax and coupons are worked out.
        </p>
      </Notice>
      <ButtonLink to="/sign-in" search={{ return: '/cart' }} look="primary" wide>
        Sign in to check out
      </ButtonLink>
      <ButtonLink to="/sign-up" search={{ return: '/cart' }} wide>
        Sign up
      </ButtonLink>
    </>
  );
}

/** Courses that are kept in this browser, each with the way to take it out. */
export function LocalItems({ courseIds, label }: { courseIds: readonly string[]; label: string }) {
  const courses = useQueries({ queries: courseIds.map((id) => courseQuery(id)) });
  return (
    <ul className="list" aria-label={label}>
      {courseIds.map((id, at) => (
        <LocalItem key={id} id={id} course={courses[at]?.data} error={courses[at]?.error ?? null} />
      ))}
    </ul>
  );
}

function LocalItem({ id, course, error }: { id: string; course: Course | undefined; error: Error | null }) {
  const problem = error ? asProblem(error) : undefined;
  const name = course?.title ?? (problem ? 'A course' : '…');
  return (
    <li className="list-row">
      <div className="list-main">
        {course ? (
          <Link to="/courses/$slug" params={{ slug: course.slug }} className="list-title">
            {name}
          </Link>
        ) : (
          <span className="list-title">{name}</span>
        )}
        {problem && (
          <span className="list-note">{problem.status === 404 ? 'It is not for sale any more.' : problem.detail}</span>
        )}
      </div>
      {course && <Money value={course.price} free />}
      <span className="row-end">
        <Button look="quiet" small aria-label={`Remove ${name}`} onPress={() => localCart.remove([id])}>
          Remove
        </Button>
      </span>
    </li>
  );
}
