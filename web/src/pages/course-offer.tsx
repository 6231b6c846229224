/** The price and the one thing to do with a course: buy it, enrol, or go on learning. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { accessQuery, enrolmentsQuery } from '../api/learning.ts';
import { placeOrder } from '../api/orders.ts';
import { asProblem } from '../api/problem.ts';
import type { Course } from '../api/types.ts';
import { backOffMs, pollAttemptsMax } from '../lib/interval.ts';
import { isZero } from '../lib/money.ts';
import { useMe } from '../lib/use-me.ts';
import { plural } from '../lib/words.ts';
import { Money, Notice, ProgressBar } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { AddToCart, AddToLocalCart } from './add-to-cart.tsx';

export function CourseOffer({ course }: { course: Course }) {
  const me = useMe();
  const access = useQuery({ ...accessQuery(course.id), enabled: me.state === 'user' });
  const free = isZero(course.price);
  if (me.state === 'user' && access.data?.entitled)
    return <Owned course={course} teaches={access.data.because.some((why) => why.kind === 'teaches')} />;
  return (
    <div className="offer">
      <p className="offer-price">
        <Money value={course.price} free />
        {!free && <span className="offer-tax">including tax</span>}
      </p>
      {course.status === 'draft' ? (
        <p className="offer-note">This course is not published, so nobody can buy it yet.</p>
      ) : me.state === 'user' ? (
        <>
          <Take course={course} free={free} isReady={!access.isPending} />
          {!free && <AddToCart courseId={course.id} />}
        </>
      ) : me.isPending ? (
        <Awaited free={free} />
      ) : (
        <>
          <ButtonLink to="/sign-in" search={{ return: `/courses/${course.slug}` }} look="primary" wide>
            {free ? 'Sign in to enrol' : 'Sign in to buy'}
          </ButtonLink>
          {!free && me.state === 'anonymous' && <AddToLocalCart courseId={course.id} />}
        </>
      )}
      {!free && course.status !== 'draft' && (
        <p className="offer-note">
          <Link to="/buy" search={{ course: course.id }}>
            Use a coupon
          </Link>
        </p>
      )}
      {access.data?.because.some((why) => why.kind === 'order_refunded') && (
        <p className="offer-note">You had this course; its order was refunded.</p>
      )}
      {!free && <p className="offer-note">One payment, no subscription.</p>}
      <ForOthers course={course} />
    </div>
  );
}

/** Stands where the buttons of who is signed in will be, so that nothing moves under a finger when they come. */
function Awaited({ free }: { free: boolean }) {
  return (
    <>
      <Button look="primary" wide isDisabled>
        {free ? 'Enrol for free' : 'Buy this course'}
      </Button>
      {!free && (
        <Button wide isDisabled>
          Add to cart
        </Button>
      )}
    </>
  );
}

/** A course can be bought for others whether or not one has it. */
function ForOthers({ course }: { course: Course }) {
  if (isZero(course.price) || course.status === 'draft') return null;
  return (
    <ul className="offer-others">
      <li>
        <Link to="/buy" search={{ course: course.id, as: 'gift' }}>
          Give it as a gift
        </Link>
      </li>
      <li>
        <Link to="/buy" search={{ course: course.id, as: 'seats' }}>
          Buy seats for a team
        </Link>
      </li>
    </ul>
  );
}

function Take({ course, free, isReady }: { course: Course; free: boolean; isReady: boolean }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const take = useMutation({
    mutationFn: () => placeOrder(course.id),
    onSuccess: ({ order }) => {
      if (order.status === 'awaiting_payment')
        return navigate({ to: '/checkout/$orderId', params: { orderId: order.id } });
      return client.invalidateQueries({ queryKey: ['access', course.id] });
    },
    onError: (error) => {
      if (asProblem(error).code === 'already_enrolled')
        void client.invalidateQueries({ queryKey: ['access', course.id] });
    },
  });
  const waiting = take.isSuccess && take.data.order.status === 'paid';
  useQuery({
    ...accessQuery(course.id),
    enabled: waiting,
    refetchInterval: (query) =>
      query.state.dataUpdateCount > pollAttemptsMax ? false : backOffMs(query.state.dataUpdateCount),
  });
  return (
    <>
      <Button
        look="primary"
        wide
        isDisabled={!isReady}
        isPending={take.isPending || waiting}
        onPress={() => take.mutate()}
      >
        {waiting ? 'Opening the course' : free ? 'Enrol for free' : 'Buy this course'}
      </Button>
      {take.error && (
        <Notice tone="danger" live>
          <p>{asProblem(take.error).detail}</p>
        </Notice>
      )}
    </>
  );
}

function Owned({ course, teaches }: { course: Course; teaches: boolean }) {
  const { data } = useQuery({ ...enrolmentsQuery, enabled: !teaches });
  const mine = data?.find((one) => one.courseId === course.id);
  if (teaches) {
    return (
      <div className="offer">
        <p className="offer-owned">You teach this course</p>
        <ButtonLink to="/teach/courses/$courseId" params={{ courseId: course.id }} look="primary" wide>
          Edit the course
        </ButtonLink>
      </div>
    );
  }
  const progress = mine?.progress;
  const done =
    progress !== undefined && progress.completedLessons >= progress.totalLessons && progress.totalLessons > 0;
  return (
    <div className="offer">
      <p className="offer-owned">{done ? 'You have finished this course' : 'This course is yours'}</p>
      {progress && (
        <div className="offer-progress">
          <ProgressBar fraction={progress.fraction} label="Your progress" />
          <span className="tabular">
            {progress.completedLessons} of {plural(progress.totalLessons, 'lesson')}
          </span>
        </div>
      )}
      {mine?.nextLessonId && (
        <ButtonLink to="/lessons/$lessonId" params={{ lessonId: mine.nextLessonId }} look="primary" wide>
          {progress?.completedLessons ? 'Continue' : 'Start the first lesson'}
        </ButtonLink>
      )}
      <ForOthers course={course} />
    </div>
  );
}
