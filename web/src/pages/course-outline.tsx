import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { accessQuery, courseProgressQuery } from '../api/learning.ts';
import type { Course, OutlineLesson, OutlineSection } from '../api/types.ts';
import { formatDuration } from '../lib/time.ts';
import { useMe } from '../lib/use-me.ts';
import { kindWords } from '../lib/words.ts';
import { Badge } from '../ui/bits.tsx';
import { Icon, type IconName } from '../ui/icons.tsx';
import { EmptyState } from '../ui/states.tsx';

const kindIcons: Readonly<Record<string, IconName>> = { text: 'text', video: 'video', quiz: 'quiz' };

export function CourseOutline({ course, sections }: { course: Course; sections: readonly OutlineSection[] }) {
  const me = useMe();
  const access = useQuery({ ...accessQuery(course.id), enabled: me.state === 'user' });
  const entitled = access.data?.entitled ?? false;
  const progress = useQuery({ ...courseProgressQuery(course.id), enabled: entitled, retry: false });
  const done = new Set(progress.data?.lessons.filter((lesson) => lesson.completed).map((lesson) => lesson.lessonId));
  if (sections.length === 0) {
    return (
      <EmptyState icon="outline" title="No lessons yet">
        <p>The instructor has not added any.</p>
      </EmptyState>
    );
  }
  return (
    <ol className="outline">
      {sections.map((section) => (
        <li key={section.id} className="outline-section">
          <h3 className="outline-title">{section.title}</h3>
          <ol className="outline-lessons">
            {section.lessons.map((lesson) => (
              <li key={lesson.id}>
                <LessonRow
                  lesson={lesson}
                  open={entitled || lesson.preview}
                  done={done.has(lesson.id)}
                  marked={lesson.preview && !entitled}
                />
              </li>
            ))}
          </ol>
        </li>
      ))}
    </ol>
  );
}

function LessonRow({
  lesson,
  open,
  done,
  marked,
}: {
  lesson: OutlineLesson;
  open: boolean;
  done: boolean;
  marked: boolean;
}) {
  const inside = (
    <>
      <Icon name={done ? 'check' : open ? (kindIcons[lesson.kind ?? ''] ?? 'text') : 'lock'} size={18} />
      <span className="outline-name">
        {lesson.title}
        {done && <span className="visually-hidden">, done</span>}
        {!open && <span className="visually-hidden">, opens when you have the course</span>}
      </span>
      {marked && <Badge tone="accent">Preview</Badge>}
      <span className="outline-kind">
        {[kindWords[lesson.kind ?? ''], formatDuration(lesson.durationSeconds)].filter(Boolean).join(', ')}
      </span>
    </>
  );
  if (!open) return <span className="outline-lesson">{inside}</span>;
  return (
    <Link
      to="/lessons/$lessonId"
      params={{ lessonId: lesson.id }}
      className={done ? 'outline-lesson outline-done' : 'outline-lesson'}
    >
      {inside}
    </Link>
  );
}
