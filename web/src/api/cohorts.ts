/** Dated runs of a course. */
import { call } from './client.ts';
import { listQuery } from './lists.ts';
import type { Cohort, ListCohortMembersResponse, ListCohortsResponse } from './types.ts';

const enc = encodeURIComponent;

export const cohortsQuery = (courseId: string) =>
  listQuery<ListCohortsResponse>(['cohorts', courseId], `/courses/${enc(courseId)}/cohorts`);

export const cohortMembersQuery = (id: string) =>
  listQuery<ListCohortMembersResponse>(['cohort-members', id], `/cohorts/${enc(id)}/members`);

export interface CohortFields {
  readonly title: string;
  /** RFC 3339. */
  readonly startsAt: string;
  readonly endsAt: string;
  readonly capacity: number;
}

export const createCohort = (courseId: string, body: CohortFields) =>
  call<{ cohort: Cohort }>('POST', `/courses/${enc(courseId)}/cohorts`, { body });

export const closeCohort = (id: string, closed: boolean) =>
  call<{ cohort: Cohort }>('PATCH', `/cohorts/${enc(id)}`, { body: { closed } });
