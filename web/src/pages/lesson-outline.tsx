import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { CourseProgress } from '../api/learning.ts';
import type { Course, OutlineLesson, OutlineSection } from '../api/types.ts';
import { ProgressBar } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';

interface OutlineProps {
  course: Course | undefined;
  sections: readonly OutlineSection[];
  current: string;
  progress: CourseProgress | undefined;
  entitled: boolean;
  draft: boolean;
}

/** Beside the lesson on wide screens, folded above it on narrow ones. */
export function LessonOutline(props: OutlineProps) {
  const [open, setOpen] = useState(false);
  const { course, sections, progress } = props;
  const done = new Set(progress?.lessons.filter((one) => one.completed).map((one) => one.lessonId));
  return (
    <nav className={open ? 'study-outline study-outline-open' : 'study-outline'} aria-label="Lessons of this course">
      <div className="study-course">
        {course && (
          <Link to="/courses/$slug" params={{ slug: course.slug }} className="study-course-link">
            <Icon name="arrowLeft" size={18} />
            <span>{course.title}</span>
          </Link>
        )}
        <span className="study-fold">
          <Button small look="quiet" aria-expanded={open} aria-controls="study-lessons" onPress={() => setOpen(!open)}>
            <Icon name="outline" /> Lessons
          </Button>
        </span>
      </div>
      {progress?.progress && (
        <div className="study-progress">
          <ProgressBar fraction={progress.progress.fraction} label="Progress in this course" />
          <span className="tabular">
            {progress.progress.completedLessons}/{progress.progress.totalLessons}
          </span>
        </div>
      )}
      <ol className="study-sections" id="study-lessons">
        {sections.map((section) => (
          <li key={section.id}>
            <span className="study-section">{section.title}</span>
            <ol className="study-lessons">
              {section.lessons.map((lesson) => (
                <li key={lesson.id}>
                  <Row lesson={lesson} isDone={done.has(lesson.id)} {...props} onGo={() => setOpen(false)} />
                </li>
              ))}
            </ol>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Row({
  lesson,
  isDone,
  current,
  entitled,
  draft,
  onGo,
}: OutlineProps & { lesson: OutlineLesson; isDone: boolean; onGo: () => void }) {
  const inside = (
    <>
      <span className={isDone ? 'dot dot-done' : 'dot'}>{isDone ? <Icon name="check" size={12} /> : null}</span>
      <span>
        {lesson.title}
        {isDone && <span className="visually-hidden">, done</span>}
      </span>
    </>
  );
  if (!entitled && !draft && !lesson.preview) {
    return (
      <span className="study-lesson study-lesson-shut">
        <Icon name="lock" size={16} />
        <span>
          {lesson.title}
          <span className="visually-hidden">, opens with the course</span>
        </span>
      </span>
    );
  }
  return (
    <Link
      to="/lessons/$lessonId"
      params={{ lessonId: lesson.id }}
      search={draft ? { draft: true } : {}}
      className="study-lesson"
      aria-current={lesson.id === current ? 'page' : undefined}
      onClick={onGo}
    >
      {inside}
    </Link>
  );
}
