import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { enrolmentsQuery } from '../api/learning.ts';
import type { Enrolment } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { plural } from '../lib/words.ts';
import { Badge, CoverArt, PageHead, ProgressBar, Time } from '../ui/bits.tsx';
import { ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView, Skeleton } from '../ui/states.tsx';
import { RequireUser } from './require-user.tsx';

export function LearnPage() {
  useTitle('My learning');
  return <RequireUser>{() => <Learning />}</RequireUser>;
}

function Learning() {
  const query = useQuery(enrolmentsQuery);
  return (
    <div className="page page-medium">
      <PageHead title="My learning" />
      <QueryView query={query} skeleton={<Skeleton lines={6} label="Loading your courses" />}>
        {(enrolments) => <Enrolments enrolments={enrolments} />}
      </QueryView>
    </div>
  );
}

function Enrolments({ enrolments }: { enrolments: readonly Enrolment[] }) {
  const active = enrolments.filter((one) => one.status === 'active');
  const ended = enrolments.filter((one) => one.status === 'ended');
  return (
    <>
      {active.length === 0 ? (
        <EmptyState
          icon="book"
          title="You are not in any course yet"
          action={
            <ButtonLink to="/courses" look="primary">
              Find a course
            </ButtonLink>
          }
        >
          <p>Courses you enrol in or buy are kept here, with where you left off.</p>
        </EmptyState>
      ) : (
        <ul className="mine">
          {active.map((one) => (
            <li key={one.id} className="mine-row">
              <Active enrolment={one} />
            </li>
          ))}
        </ul>
      )}
      {ended.length > 0 && (
        <section className="receipt-part" aria-label="Ended">
          <h2 className="section-title">Ended</h2>
          <ul className="list">
            {ended.map((one) => (
              <li key={one.id} className="list-row">
                <div className="list-main">
                  <Link to="/courses/$slug" params={{ slug: one.courseSlug }} className="list-title">
                    {one.courseTitle}
                  </Link>
                  <span className="list-note">
                    Ended <Time at={one.endedAt} style="date" />
                  </span>
                </div>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function Active({ enrolment }: { enrolment: Enrolment }) {
  const { completedLessons = 0, totalLessons = 0, fraction = 0 } = enrolment.progress ?? {};
  const done = totalLessons > 0 && completedLessons >= totalLessons;
  return (
    <>
      <CoverArt slug={enrolment.courseSlug} />
      <div className="mine-text">
        <h2 className="mine-title">
          <Link to="/courses/$slug" params={{ slug: enrolment.courseSlug }}>
            {enrolment.courseTitle}
          </Link>
        </h2>
        <ProgressBar fraction={fraction} label={`Progress in ${enrolment.courseTitle}`} />
        <p className="list-note tabular">
          {completedLessons} of {plural(totalLessons, 'lesson')}
          {enrolment.lastActiveAt && (
            <>
              , last here <Time at={enrolment.lastActiveAt} style="ago" />
            </>
          )}
        </p>
      </div>
      {done ? (
        <Badge tone="good" icon="check">
          Finished
        </Badge>
      ) : (
        enrolment.nextLessonId && (
          <ButtonLink
            to="/lessons/$lessonId"
            params={{ lessonId: enrolment.nextLessonId }}
            look="primary"
            aria-label={`Continue ${enrolment.courseTitle}`}
          >
            {completedLessons === 0 ? 'Start' : 'Continue'}
          </ButtonLink>
        )
      )}
    </>
  );
}
