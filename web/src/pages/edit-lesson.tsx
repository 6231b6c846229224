import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { draftLessonQuery, type LessonFields, updateLesson } from '../api/authoring.ts';
import type { Lesson } from '../api/types.ts';
import { LessonForm } from '../forms/lesson-form.tsx';
import { useTitle } from '../lib/use-title.ts';
import { PageHead } from '../ui/bits.tsx';
import { ButtonLink } from '../ui/button.tsx';
import { QueryView, Skeleton } from '../ui/states.tsx';
import { toast } from '../ui/toast.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/teach/lessons/$lessonId');

export function EditLessonPage() {
  const { lessonId } = route.useParams();
  return <RequireUser holding="instructor">{() => <Editor lessonId={lessonId} />}</RequireUser>;
}

function Editor({ lessonId }: { lessonId: string }) {
  const query = useQuery(draftLessonQuery(lessonId));
  return (
    <div className="page page-medium">
      <QueryView query={query} skeleton={<Skeleton lines={8} label="Loading the lesson" />}>
        {({ data, etag }) => <EditLesson key={`${data.lesson.id}${etag}`} lesson={data.lesson} etag={etag} />}
      </QueryView>
    </div>
  );
}

function EditLesson({ lesson, etag }: { lesson: Lesson; etag: string }) {
  useTitle(`Edit ${lesson.title}`);
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: ({ title, content, preview }: LessonFields) =>
      updateLesson(lesson.id, { title, content, preview }, etag),
    onSuccess: async () => {
      toast('Saved in the draft.');
      await client.invalidateQueries({ queryKey: ['draft-lesson', lesson.id] });
      await client.invalidateQueries({ queryKey: ['outline'] });
      await client.invalidateQueries({ queryKey: ['lesson'] });
    },
  });
  return (
    <>
      <PageHead
        title={lesson.title}
        crumbs={[
          { label: 'My courses', link: { to: '/teach' } },
          { label: 'Course', link: { to: '/teach/courses/$courseId', params: { courseId: lesson.courseId } } },
          { label: lesson.title },
        ]}
        actions={
          <ButtonLink to="/lessons/$lessonId" params={{ lessonId: lesson.id }} search={{ draft: true }}>
            See it as learners will
          </ButtonLink>
        }
      />
      <div className="panel">
        <LessonForm
          lesson={lesson}
          submitLabel="Save"
          isPending={save.isPending}
          error={save.error}
          onSubmit={(fields) => save.mutate(fields)}
        />
      </div>
    </>
  );
}
