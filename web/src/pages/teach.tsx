import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { createCourse, myCoursesQuery } from '../api/authoring.ts';
import type { Course } from '../api/types.ts';
import { CourseForm } from '../forms/course-form.tsx';
import { useTitle } from '../lib/use-title.ts';
import { levelWords } from '../lib/words.ts';
import { Badge, Money, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Icon } from '../ui/icons.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { RequireUser } from './require-user.tsx';
import { TeachNav } from './teach-nav.tsx';

export function TeachPage() {
  useTitle('My courses');
  return <RequireUser holding="instructor">{() => <MyCourses />}</RequireUser>;
}

function MyCourses() {
  const query = useInfiniteQuery(myCoursesQuery);
  const [creating, setCreating] = useState(false);
  const actions = (
    <Button look="primary" onPress={() => setCreating(true)}>
      <Icon name="plus" /> New course
    </Button>
  );
  return (
    <div className="page">
      <TeachNav />
      <PageHead title="My courses" actions={actions} />
      <QueryView query={query}>
        {(data) => <CourseTable courses={data.pages.flatMap((page) => page.courses)} />}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
      {creating && <NewCourse onClose={() => setCreating(false)} />}
    </div>
  );
}

const columns: readonly Column<Course>[] = [
  {
    name: 'Course',
    render: (course) => (
      <Link to="/teach/courses/$courseId" params={{ courseId: course.id }}>
        {course.title}
      </Link>
    ),
  },
  {
    name: 'State',
    render: (course) =>
      course.status === 'draft' ? (
        <Badge tone="warn">Draft</Badge>
      ) : (
        <Badge tone="good">Release {course.release}</Badge>
      ),
  },
  { name: 'Level', render: (course) => levelWords[course.level ?? ''] ?? '–' },
  { name: 'Released', render: (course) => <Time at={course.releasedAt} style="date" /> },
  { name: 'Lessons', numeric: true, render: (course) => course.lessonCount },
  { name: 'Price', numeric: true, render: (course) => <Money value={course.price} free /> },
];

function CourseTable({ courses }: { courses: readonly Course[] }) {
  if (courses.length === 0) {
    return (
      <EmptyState icon="book" title="You have no courses yet">
        <p>A new course is a draft that only you see, until you publish it.</p>
      </EmptyState>
    );
  }
  return <Table caption="Courses you teach" columns={columns} rows={courses} rowKey={(course) => course.id} />;
}

function NewCourse({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: createCourse,
    onSuccess: async ({ course }) => {
      await client.invalidateQueries({ queryKey: myCoursesQuery.queryKey });
      await navigate({ to: '/teach/courses/$courseId', params: { courseId: course.id } });
    },
  });
  return (
    <Dialog title="New course" isOpen onClose={onClose} busy={create.isPending}>
      <CourseForm
        submitLabel="Create the draft"
        isPending={create.isPending}
        error={create.error}
        onSubmit={(fields) => create.mutate(fields)}
      />
    </Dialog>
  );
}
