import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { coursesQuery } from '../api/catalogue.ts';
import { enrolmentsQuery } from '../api/learning.ts';
import type { Course } from '../api/types.ts';
import { formatDuration } from '../lib/time.ts';
import { useMe } from '../lib/use-me.ts';
import { useTitle } from '../lib/use-title.ts';
import { languageName, levelWords, plural } from '../lib/words.ts';
import { Badge, CoverArt, Money, ProgressBar } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';

export function CataloguePage() {
  useTitle('Courses');
  const filter = useSearch({ strict: false });
  const level = filter.level;
  const language = filter.language;
  const query = useInfiniteQuery(coursesQuery({ level, language }));
  return (
    <div className="page">
      <ContinueStrip />
      <header className="page-head">
        <h1 className="page-title page-title-large">Courses</h1>
        <p className="page-lead">
          Read, watch, practise. Every price includes tax, and every payment can be followed to the last paisa.
        </p>
      </header>
      <Filters level={level} language={language} courses={query.data?.pages.flatMap((page) => page.courses) ?? []} />
      <QueryView query={query} skeleton={<CardSkeletons />}>
        {(data) => (
          <CourseGrid courses={data.pages.flatMap((page) => page.courses)} filtered={Boolean(level || language)} />
        )}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more courses
        </Button>
      )}
    </div>
  );
}

/** Of who is signed in. It has its place before the platform has said who that is, so that the courses below stay still. */
function ContinueStrip() {
  const me = useMe();
  const { data, isPending } = useQuery({ ...enrolmentsQuery, enabled: me.state === 'user' });
  if (me.state !== 'user' && !me.isPending) return null;
  if (isPending) {
    return (
      <div className="continue" aria-hidden="true">
        <ContinueText title="" />
        <span className="button continue-place">Next lesson</span>
      </div>
    );
  }
  if (!data) return null;
  const latest = data.find((one) => one.status === 'active' && one.nextLessonId !== '');
  return (
    <section className="continue" aria-label="Continue learning">
      {latest ? (
        <>
          <ContinueText title={latest.courseTitle} fraction={latest.progress?.fraction ?? 0} />
          <ButtonLink to="/lessons/$lessonId" params={{ lessonId: latest.nextLessonId }} look="primary">
            Next lesson
          </ButtonLink>
        </>
      ) : (
        <>
          <ContinueText title={data.length > 0 ? 'Nothing is left to continue' : 'No course is begun yet'} />
          <ButtonLink to="/learn">My learning</ButtonLink>
        </>
      )}
    </section>
  );
}

function ContinueText({ title, fraction }: { title: string; fraction?: number }) {
  return (
    <div className="continue-text">
      <span className="continue-label">Continue</span>
      <strong className="continue-title">{title}</strong>
      {fraction !== undefined && <ProgressBar fraction={fraction} label={`Progress in ${title}`} />}
    </div>
  );
}

interface FiltersProps {
  level: string | undefined;
  language: string | undefined;
  courses: readonly Course[];
}

/** Links, so that they work before and without scripts; languages are offered as the courses have them. */
function Filters({ level, language, courses }: FiltersProps) {
  const languages = [...new Set([...courses.map((course) => course.language), ...(language ? [language] : [])])]
    .filter(Boolean)
    .sort();
  return (
    <nav className="filters" aria-label="Filter courses">
      <ul className="chips">
        <FilterChip label="All levels" on={!level} search={{ level: undefined, language }} />
        {Object.entries(levelWords).map(([value, label]) => (
          <FilterChip key={value} label={label} on={level === value} search={{ level: value, language }} />
        ))}
      </ul>
      {(languages.length > 1 || language) && (
        <ul className="chips">
          <FilterChip label="Any language" on={!language} search={{ level, language: undefined }} />
          {languages.map((tag) => (
            <FilterChip key={tag} label={languageName(tag)} on={language === tag} search={{ level, language: tag }} />
          ))}
        </ul>
      )}
    </nav>
  );
}

function FilterChip({
  label,
  on,
  search,
}: {
  label: string;
  on: boolean;
  search: { level: string | undefined; language: string | undefined };
}) {
  return (
    <li>
      <Link
        to="/courses"
        search={search}
        className={on ? 'chip chip-on' : 'chip'}
        aria-current={on ? 'true' : undefined}
      >
        {label}
      </Link>
    </li>
  );
}

function CourseGrid({ courses, filtered }: { courses: readonly Course[]; filtered: boolean }) {
  if (courses.length === 0) {
    return filtered ? (
      <EmptyState
        icon="search"
        title="No course matches these filters"
        action={<ButtonLink to="/courses">Show all courses</ButtonLink>}
      />
    ) : (
      <EmptyState icon="book" title="No course has been published yet">
        <p>Courses appear here as soon as an instructor publishes one.</p>
      </EmptyState>
    );
  }
  return (
    <ul className="cards">
      {courses.map((course) => (
        <li key={course.id} className="card">
          <CourseCard course={course} />
        </li>
      ))}
    </ul>
  );
}

function CourseCard({ course }: { course: Course }) {
  const facts = [
    course.lessonCount > 0 && plural(course.lessonCount, 'lesson'),
    formatDuration(course.durationSeconds),
  ].filter(Boolean);
  return (
    <article className="course-card">
      <CoverArt slug={course.slug} />
      <div className="course-card-body">
        <h2 className="course-card-title">
          <Link to="/courses/$slug" params={{ slug: course.slug }} className="cover-link">
            {course.title}
          </Link>
        </h2>
        <p className="course-card-summary">{course.summary}</p>
        <p className="course-card-facts">
          {course.instructor?.displayName && <span>{course.instructor.displayName}</span>}
          {facts.length > 0 && <span>{facts.join(', ')}</span>}
        </p>
        <p className="course-card-foot">
          <strong className="price">
            <Money value={course.price} free />
          </strong>
          {course.level && <Badge>{levelWords[course.level] ?? course.level}</Badge>}
        </p>
      </div>
    </article>
  );
}

function CardSkeletons() {
  return (
    <div className="cards" role="status" aria-label="Loading courses">
      {[0, 1, 2].map((card) => (
        <div key={card} className="card skeleton">
          <div className="skeleton-cover" />
          <div className="skeleton-line" />
          <div className="skeleton-line skeleton-line-1" />
        </div>
      ))}
    </div>
  );
}
