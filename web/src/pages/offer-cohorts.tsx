import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { closeCohort, cohortMembersQuery, cohortsQuery, createCohort } from '../api/cohorts.ts';
import type { Cohort, Course } from '../api/types.ts';
import { fieldError } from '../forms/form.tsx';
import { Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';
import { OfferDialog } from './offer-parts.tsx';

export function CohortOffers({ courses }: { courses: readonly Course[] }) {
  const [courseId, setCourseId] = useState(courses[0]?.id ?? '');
  const [making, setMaking] = useState(false);
  const [seen, setSeen] = useState<Cohort>();
  const query = useInfiniteQuery(cohortsQuery(courseId));
  return (
    <div className="receipt-part">
      <div className="filter-form">
        <Select
          label="Course"
          value={courseId}
          options={courses.map((course) => ({ value: course.id, label: course.title }))}
          onChange={setCourseId}
        />
      </div>
      <div>
        <Button look="primary" onPress={() => setMaking(true)}>
          New cohort
        </Button>
      </div>
      <QueryView query={query}>
        {(data) => {
          const cohorts = data.pages.flatMap((page) => page.cohorts);
          if (cohorts.length === 0) {
            return (
              <EmptyState icon="user" title="No cohorts of this course">
                <p>A cohort is a dated run of the course with a limited number of places.</p>
              </EmptyState>
            );
          }
          return <Table caption="Cohorts" columns={columnsOf(setSeen)} rows={cohorts} rowKey={(cohort) => cohort.id} />;
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more cohorts
        </Button>
      )}
      {making && <NewCohort courseId={courseId} onClose={() => setMaking(false)} />}
      {seen && <Members cohort={seen} onClose={() => setSeen(undefined)} />}
    </div>
  );
}

function columnsOf(onSee: (cohort: Cohort) => void): readonly Column<Cohort>[] {
  return [
    { name: 'Cohort', render: (one) => one.title },
    { name: 'Starts', render: (one) => <Time at={one.startsAt} /> },
    { name: 'Ends', render: (one) => <Time at={one.endsAt} /> },
    { name: 'Places', numeric: true, render: (one) => one.capacity },
    { name: 'Sold', numeric: true, render: (one) => one.sold },
    { name: 'Reserved', numeric: true, render: (one) => one.reserved },
    { name: 'Left', numeric: true, render: (one) => one.placesLeft },
    {
      name: 'What to do',
      render: (one) => (
        <span className="button-row">
          <Button small aria-label={`People in ${one.title}`} onPress={() => onSee(one)}>
            People
          </Button>
          <Close cohort={one} />
        </span>
      ),
    },
  ];
}

function Close({ cohort }: { cohort: Cohort }) {
  const client = useQueryClient();
  const close = useMutation({
    mutationFn: () => closeCohort(cohort.id, !cohort.closed),
    onSuccess: () => client.invalidateQueries({ queryKey: ['cohorts', cohort.courseId] }),
    onError: toastProblem,
  });
  const words = cohort.closed ? 'Sell again' : 'Stop selling';
  return (
    <Button small aria-label={`${words} ${cohort.title}`} isPending={close.isPending} onPress={() => close.mutate()}>
      {words}
    </Button>
  );
}

function Members({ cohort, onClose }: { cohort: Cohort; onClose: () => void }) {
  const query = useInfiniteQuery(cohortMembersQuery(cohort.id));
  return (
    <Dialog title={`Who has a place in ${cohort.title}`} isOpen onClose={onClose}>
      <QueryView query={query}>
        {(data) => {
          const members = data.pages.flatMap((page) => page.members);
          if (members.length === 0) return <p>Nobody yet.</p>;
          return (
            <ul className="list">
              {members.map((member) => (
                <li key={member.userId} className="list-row">
                  <span className="list-main">{member.displayName || member.userId}</span>
                  <Time at={member.joinedAt} style="date" />
                </li>
              ))}
            </ul>
          );
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </Dialog>
  );
}

function NewCohort({ courseId, onClose }: { courseId: string; onClose: () => void }) {
  const client = useQueryClient();
  const make = useMutation({
    mutationFn: (body: Parameters<typeof createCohort>[1]) => createCohort(courseId, body),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['cohorts', courseId] });
      toast('The cohort is on sale.');
      onClose();
    },
  });
  const instant = (text: string | undefined) => (text ? new Date(text).toISOString() : '');
  const error = (field: string) => fieldError(make.error, field);
  return (
    <OfferDialog
      title="New cohort"
      submitLabel="Put it on sale"
      mutation={make}
      fields={['title', 'startsAt', 'endsAt', 'capacity']}
      onSubmit={(values) =>
        make.mutate({
          title: (values.title ?? '').trim(),
          startsAt: instant(values.startsAt),
          endsAt: instant(values.endsAt),
          capacity: Number(values.capacity) || 0,
        })
      }
      onClose={onClose}
    >
      <TextField
        label="Title"
        name="title"
        maxLength={120}
        isRequired
        placeholder="Spring 2027"
        error={error('title')}
      />
      <div className="field-row">
        <TextField label="Starts" name="startsAt" type="datetime-local" isRequired error={error('startsAt')} />
        <TextField label="Ends" name="endsAt" type="datetime-local" isRequired error={error('endsAt')} />
      </div>
      <TextField label="Places" name="capacity" inputMode="numeric" isRequired error={error('capacity')} />
    </OfferDialog>
  );
}
