import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import {
  createLesson,
  createSection,
  draftCourseQuery,
  type LessonFields,
  publishCourse,
  updateCourse,
} from '../api/authoring.ts';
import { outlineQuery } from '../api/catalogue.ts';
import { asProblem } from '../api/problem.ts';
import type { Course, OutlineSection } from '../api/types.ts';
import { CourseForm } from '../forms/course-form.tsx';
import { Form, fieldError } from '../forms/form.tsx';
import { LessonForm } from '../forms/lesson-form.tsx';
import { formatDuration } from '../lib/time.ts';
import { useTitle } from '../lib/use-title.ts';
import { kindWords } from '../lib/words.ts';
import { Badge, Notice, PageHead } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { Icon } from '../ui/icons.tsx';
import { EmptyState, QueryView, Skeleton } from '../ui/states.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { toast } from '../ui/toast.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/teach/courses/$courseId');

export function EditCoursePage() {
  const { courseId } = route.useParams();
  return <RequireUser holding="instructor">{() => <Editor courseId={courseId} />}</RequireUser>;
}

function Editor({ courseId }: { courseId: string }) {
  const query = useQuery(draftCourseQuery(courseId));
  return (
    <div className="page">
      <QueryView query={query} skeleton={<Skeleton lines={8} label="Loading the course" />}>
        {({ data, etag }) => <EditCourse course={data.course} etag={etag} />}
      </QueryView>
    </div>
  );
}

function EditCourse({ course, etag }: { course: Course; etag: string }) {
  useTitle(`Edit ${course.title}`);
  return (
    <>
      <PageHead
        title={course.title}
        crumbs={[{ label: 'My courses', link: { to: '/teach' } }, { label: course.title }]}
        lead={
          course.release > 0
            ? `Release ${course.release} is what learners see. Changes reach them when you publish.`
            : 'A draft. Nobody but you sees it until you publish.'
        }
        actions={
          <>
            {course.release > 0 && (
              <ButtonLink to="/courses/$slug" params={{ slug: course.slug }}>
                See its page
              </ButtonLink>
            )}
            <Publish course={course} />
          </>
        }
      />
      <Tabs
        label="Parts of the course"
        items={[
          { id: 'lessons', label: 'Lessons', content: <DraftOutline courseId={course.id} /> },
          {
            id: 'details',
            label: 'Description and price',
            content: <Details key={etag} course={course} etag={etag} />,
          },
        ]}
      />
    </>
  );
}

function Publish({ course }: { course: Course }) {
  const client = useQueryClient();
  const publish = useMutation({
    mutationFn: () => publishCourse(course.id),
    onSuccess: async (data) => {
      toast(
        data.course.release === course.release
          ? 'Nothing has changed since the last release.'
          : `Release ${data.course.release} is out.`,
      );
      await client.invalidateQueries();
    },
    onError: (error) => {
      const problem = asProblem(error);
      toast([problem.detail, ...problem.errors.map((one) => one.detail)].join(' '), 'danger');
    },
  });
  return (
    <Button look="primary" isPending={publish.isPending} onPress={() => publish.mutate()}>
      Publish
    </Button>
  );
}

function Details({ course, etag }: { course: Course; etag: string }) {
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: (fields: Parameters<typeof updateCourse>[1]) => updateCourse(course.id, fields, etag),
    onSuccess: async () => {
      toast('Saved in the draft.');
      await client.invalidateQueries({ queryKey: ['draft-course', course.id] });
    },
  });
  return (
    <div className="panel panel-form">
      {asProblem(save.error).code === 'stale_etag' && (
        <Notice tone="warn" title="Somebody else changed the course meanwhile">
          <p>Your text is still here. Copy what you need, then load the newer version.</p>
          <Button small onPress={() => void client.invalidateQueries({ queryKey: ['draft-course', course.id] })}>
            Load the newer version
          </Button>
        </Notice>
      )}
      <CourseForm
        course={course}
        submitLabel="Save"
        isPending={save.isPending}
        error={save.error}
        onSubmit={(fields) => save.mutate(fields)}
      />
    </div>
  );
}

function DraftOutline({ courseId }: { courseId: string }) {
  const query = useQuery(outlineQuery(courseId, true));
  const [adding, setAdding] = useState(false);
  return (
    <div className="draft">
      <QueryView query={query}>
        {(outline) =>
          outline.sections.length === 0 ? (
            <EmptyState icon="outline" title="No sections yet">
              <p>A course is made of sections, a section of lessons.</p>
            </EmptyState>
          ) : (
            <ol className="outline">
              {outline.sections.map((section) => (
                <DraftSection key={section.id} section={section} courseId={courseId} />
              ))}
            </ol>
          )
        }
      </QueryView>
      <Button onPress={() => setAdding(true)}>
        <Icon name="plus" /> Add a section
      </Button>
      {adding && <NewSection courseId={courseId} onClose={() => setAdding(false)} />}
    </div>
  );
}

function DraftSection({ section, courseId }: { section: OutlineSection; courseId: string }) {
  const [adding, setAdding] = useState(false);
  return (
    <li className="outline-section">
      <h3 className="outline-title">{section.title}</h3>
      <ol className="outline-lessons">
        {section.lessons.map((lesson) => (
          <li key={lesson.id}>
            <Link to="/teach/lessons/$lessonId" params={{ lessonId: lesson.id }} className="outline-lesson">
              <Icon name={lesson.kind === 'video' ? 'video' : lesson.kind === 'quiz' ? 'quiz' : 'text'} size={18} />
              <span className="outline-name">{lesson.title}</span>
              {lesson.preview && <Badge tone="accent">Preview</Badge>}
              <span className="outline-kind">
                {[kindWords[lesson.kind ?? ''], formatDuration(lesson.durationSeconds)].filter(Boolean).join(', ')}
              </span>
            </Link>
          </li>
        ))}
      </ol>
      <Button small look="quiet" aria-label={`Add a lesson to ${section.title}`} onPress={() => setAdding(true)}>
        <Icon name="plus" size={18} /> Add a lesson
      </Button>
      {adding && <NewLesson sectionId={section.id} courseId={courseId} onClose={() => setAdding(false)} />}
    </li>
  );
}

function NewSection({ courseId, onClose }: { courseId: string; onClose: () => void }) {
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: (title: string) => createSection(courseId, title),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['outline', courseId] });
      onClose();
    },
  });
  return (
    <Dialog title="New section" isOpen onClose={onClose} busy={create.isPending}>
      <Form
        label="New section"
        onSubmit={(values) => create.mutate((values.title ?? '').trim())}
        error={create.error}
        fields={['title']}
      >
        <TextField
          label="Title"
          name="title"
          isRequired
          autoFocus
          maxLength={120}
          error={fieldError(create.error, 'title')}
        />
        <div className="button-row button-row-end">
          <Button type="submit" look="primary" isPending={create.isPending}>
            Add the section
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function NewLesson({ sectionId, courseId, onClose }: { sectionId: string; courseId: string; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const create = useMutation({
    mutationFn: (fields: LessonFields) => createLesson(sectionId, fields),
    onSuccess: async ({ lesson }) => {
      await client.invalidateQueries({ queryKey: ['outline', courseId] });
      onClose();
      if (lesson.kind === 'quiz') await navigate({ to: '/teach/lessons/$lessonId', params: { lessonId: lesson.id } });
    },
  });
  return (
    <Dialog title="New lesson" isOpen onClose={onClose} busy={create.isPending}>
      <LessonForm
        submitLabel="Add the lesson"
        isPending={create.isPending}
        error={create.error}
        onSubmit={(fields) => create.mutate(fields)}
      />
    </Dialog>
  );
}
