import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { courseQuery, outlineQuery } from '../api/catalogue.ts';
import type { Course } from '../api/types.ts';
import { formatDuration } from '../lib/time.ts';
import { useTitle } from '../lib/use-title.ts';
import { languageName, levelWords, plural } from '../lib/words.ts';
import { Badge, Breadcrumbs, CoverArt, Time } from '../ui/bits.tsx';
import { Prose } from '../ui/prose.tsx';
import { QueryView, Skeleton } from '../ui/states.tsx';
import { CourseDeals } from './course-deals.tsx';
import { CourseOffer } from './course-offer.tsx';
import { CourseOutline } from './course-outline.tsx';

const route = getRouteApi('/courses/$slug');

export function CoursePage() {
  const { slug } = route.useParams();
  const query = useQuery(courseQuery(slug));
  return (
    <div className="page">
      <QueryView query={query} skeleton={<Skeleton lines={8} label="Loading the course" />}>
        {(course) => <CourseView course={course} slug={slug} />}
      </QueryView>
    </div>
  );
}

function CourseView({ course, slug }: { course: Course; slug: string }) {
  useTitle(course.title);
  const outline = useQuery(outlineQuery(slug, course.status === 'draft'));
  return (
    <article className="course">
      <header className="course-head">
        <Breadcrumbs items={[{ label: 'Courses', link: { to: '/courses' } }, { label: course.title }]} />
        {course.status === 'draft' && <Badge tone="warn">Draft, seen by you only</Badge>}
        <h1 className="page-title page-title-large">{course.title}</h1>
        <p className="course-summary">{course.summary}</p>
        <CourseFacts course={course} />
      </header>
      <aside className="course-aside">
        <CoverArt slug={course.slug} />
        <CourseOffer course={course} />
      </aside>
      <div className="course-body">
        {course.descriptionHtml && (
          <section aria-label="About this course">
            <Prose html={course.descriptionHtml} />
          </section>
        )}
        <CourseDeals course={course} />
        <section className="course-outline" aria-labelledby="outline-title">
          <h2 id="outline-title" className="section-title">
            What is in it
          </h2>
          <QueryView query={outline} skeleton={<Skeleton lines={8} label="Loading the outline" />}>
            {(data) => <CourseOutline course={course} sections={data.sections} />}
          </QueryView>
        </section>
      </div>
    </article>
  );
}

function CourseFacts({ course }: { course: Course }) {
  const facts: [string, React.ReactNode][] = [
    ['Taught by', course.instructor?.displayName],
    ['Level', course.level && (levelWords[course.level] ?? course.level)],
    ['Language', course.language && languageName(course.language)],
    ['Lessons', course.lessonCount > 0 ? plural(course.lessonCount, 'lesson') : undefined],
    ['Length', formatDuration(course.durationSeconds)],
    ['Released', course.releasedAt && <Time at={course.releasedAt} style="date" />],
  ];
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name} className="fact">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
