import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { courseQuery, lessonQuery, outlineQuery } from '../api/catalogue.ts';
import { accessQuery, courseProgressQuery } from '../api/learning.ts';
import { asProblem } from '../api/problem.ts';
import type { Course, Lesson, OutlineSection } from '../api/types.ts';
import { formatDuration } from '../lib/time.ts';
import { useMe } from '../lib/use-me.ts';
import { useTitle } from '../lib/use-title.ts';
import { kindWords } from '../lib/words.ts';
import { Badge } from '../ui/bits.tsx';
import { ButtonLink } from '../ui/button.tsx';
import { EmptyState, ErrorState, Skeleton } from '../ui/states.tsx';
import { LessonBody } from './lesson-body.tsx';
import { LessonFoot } from './lesson-foot.tsx';
import { LessonOutline } from './lesson-outline.tsx';

const route = getRouteApi('/lessons/$lessonId');

export function LessonPage() {
  const { lessonId } = route.useParams();
  const { draft = false } = route.useSearch();
  const lesson = useQuery(lessonQuery(lessonId, draft));
  if (lesson.data) return <Study lesson={lesson.data} draft={draft} />;
  return (
    <div className="page page-narrow">
      {lesson.error ? (
        <Shut error={lesson.error} onRetry={() => void lesson.refetch()} />
      ) : (
        <Skeleton lines={9} label="Loading the lesson" />
      )}
    </div>
  );
}

function Shut({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const me = useMe();
  const problem = asProblem(error);
  if (problem.code !== 'not_enrolled') return <ErrorState problem={problem} onRetry={onRetry} />;
  const action =
    me.state === 'anonymous' ? (
      <ButtonLink
        to="/sign-in"
        search={{ return: typeof location === 'undefined' ? '/' : location.pathname }}
        look="primary"
      >
        Sign in
      </ButtonLink>
    ) : (
      <ButtonLink to="/courses" look="primary">
        See the courses
      </ButtonLink>
    );
  return (
    <EmptyState icon="lock" title="This lesson opens with its course" action={action}>
      <p>
        {me.state === 'anonymous'
          ? 'If the course is yours, sign in to read it.'
          : 'Only people who are enrolled can read it. Lessons marked “Preview” are open to everybody.'}
      </p>
    </EmptyState>
  );
}

function Study({ lesson, draft }: { lesson: Lesson; draft: boolean }) {
  useTitle(lesson.title);
  const me = useMe();
  const course = useQuery(courseQuery(lesson.courseId));
  const outline = useQuery(outlineQuery(lesson.courseId, draft));
  const access = useQuery({ ...accessQuery(lesson.courseId), enabled: me.state === 'user' });
  const entitled = access.data?.entitled ?? false;
  const progress = useQuery({ ...courseProgressQuery(lesson.courseId), enabled: entitled && !draft, retry: false });
  const sections = outline.data?.sections ?? [];
  const mine = progress.data?.lessons.find((one) => one.lessonId === lesson.id);
  return (
    <div className="study">
      <LessonOutline
        course={course.data}
        sections={sections}
        current={lesson.id}
        progress={progress.data}
        entitled={entitled}
        draft={draft}
      />
      <article className="study-main" key={lesson.id}>
        <LessonHead lesson={lesson} course={course.data} sections={sections} draft={draft} />
        <LessonBody
          lesson={lesson}
          progress={mine}
          isReady={!progress.isLoading && !access.isLoading}
          keeps={progress.data !== undefined}
        />
        <LessonFoot
          lesson={lesson}
          sections={sections}
          progress={mine}
          keeps={progress.data !== undefined}
          entitled={entitled}
          draft={draft}
          course={course.data}
        />
      </article>
    </div>
  );
}

interface HeadProps {
  lesson: Lesson;
  course: Course | undefined;
  sections: readonly OutlineSection[];
  draft: boolean;
}

function LessonHead({ lesson, course, sections, draft }: HeadProps) {
  const section = sections.find((one) => one.lessons.some((other) => other.id === lesson.id));
  return (
    <header className="lesson-head">
      <p className="lesson-where">{section?.title ?? course?.title ?? ''}</p>
      <h1 className="lesson-title">{lesson.title}</h1>
      <p className="lesson-facts">
        {[kindWords[lesson.kind ?? ''], formatDuration(lesson.durationSeconds)].filter(Boolean).join(', ')}
        {lesson.preview && !draft && <Badge tone="accent">Preview</Badge>}
        {draft && <Badge tone="warn">Draft</Badge>}
      </p>
    </header>
  );
}
