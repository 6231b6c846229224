import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { putProgress } from '../api/learning.ts';
import type { Course, Lesson, LessonProgress, OutlineLesson, OutlineSection } from '../api/types.ts';
import { Badge } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { toastProblem } from '../ui/toast.tsx';

interface FootProps {
  lesson: Lesson;
  course: Course | undefined;
  sections: readonly OutlineSection[];
  progress: LessonProgress | undefined;
  keeps: boolean;
  entitled: boolean;
  draft: boolean;
}

export function LessonFoot({ lesson, course, sections, progress, keeps, entitled, draft }: FootProps) {
  const all = sections.flatMap((section) => section.lessons);
  const at = all.findIndex((one) => one.id === lesson.id);
  const open = (one: OutlineLesson | undefined) => (one && (entitled || draft || one.preview) ? one : undefined);
  const next = at < 0 ? undefined : all[at + 1];
  return (
    <footer className="lesson-foot">
      {keeps && <Completion lesson={lesson} isDone={progress?.completed ?? false} next={open(next)} />}
      {!entitled && !draft && course && (
        <p className="lesson-offer">
          This is a preview of{' '}
          <Link to="/courses/$slug" params={{ slug: course.slug }}>
            {course.title}
          </Link>
          .
        </p>
      )}
      <nav className="lesson-steps" aria-label="Next and previous lesson">
        <Step lesson={open(at > 0 ? all[at - 1] : undefined)} label="Previous" draft={draft} />
        <Step lesson={open(next)} label="Next" draft={draft} />
      </nav>
    </footer>
  );
}

function Step({
  lesson,
  label,
  draft,
}: {
  lesson: OutlineLesson | undefined;
  label: 'Previous' | 'Next';
  draft: boolean;
}) {
  if (!lesson) return <span />;
  return (
    <Link
      to="/lessons/$lessonId"
      params={{ lessonId: lesson.id }}
      search={draft ? { draft: true } : {}}
      className={`step step-${label.toLowerCase()}`}
    >
      <span className="step-label">{label}</span>
      <span className="step-title">{lesson.title}</span>
    </Link>
  );
}

function Completion({ lesson, isDone, next }: { lesson: Lesson; isDone: boolean; next: OutlineLesson | undefined }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const mark = useMutation({
    mutationFn: (completed: boolean) => putProgress(lesson.id, { completed }),
    onSuccess: async (_, completed) => {
      void client.invalidateQueries({ queryKey: ['enrolments'] });
      await client.invalidateQueries({ queryKey: ['progress', lesson.courseId] });
      if (completed && next) await navigate({ to: '/lessons/$lessonId', params: { lessonId: next.id } });
    },
    onError: toastProblem,
  });
  if (lesson.kind === 'quiz') {
    return isDone ? (
      <Badge tone="good" icon="check">
        Passed
      </Badge>
    ) : null;
  }
  if (!isDone) {
    return (
      <Button look="primary" isPending={mark.isPending} onPress={() => mark.mutate(true)}>
        <Icon name="check" /> {next ? 'Mark as done and go on' : 'Mark as done'}
      </Button>
    );
  }
  return (
    <p className="lesson-done">
      <Badge tone="good" icon="check">
        Done
      </Badge>
      <Button look="quiet" small isPending={mark.isPending} onPress={() => mark.mutate(false)}>
        Not yet done
      </Button>
      {!next && <ButtonLink to="/learn">Back to my learning</ButtonLink>}
    </p>
  );
}
