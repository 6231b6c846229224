/** What the operations of this service work with, and who may change what. */
import type { LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import type { Objects } from '@suuupra/platform/objects/objects';
import {
  type CallContext,
  type Client,
  hasRole,
  type Principal,
  type Refusal,
  refuse,
} from '@suuupra/platform/rpc/rpc';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import type { CourseBody } from './course.ts';
import type { Instructors } from './instructors.ts';
import type { Store } from './store.ts';

export interface Content {
  readonly store: Store;
  readonly objects: Objects;
  readonly learning: Pick<Client<typeof LearningService>, 'checkAccess'>;
  readonly instructors: Instructors;
  readonly world: World;
  readonly telemetry: Telemetry;
}

/** Its instructor and administrators. */
export function teaches(principal: Principal, course: CourseBody): boolean {
  return principal.kind === 'user' && (principal.userId === course.instructorId || hasRole(principal, 'admin'));
}

export function noSuchCourse(): Refusal {
  return refuse('not_found', 'There is no such course.');
}

/** For somebody who does not teach it: an unpublished course does not exist, a published one is not theirs. */
export function refuseStranger(principal: Principal, course: CourseBody): Refusal {
  if (course.release === 0) return noSuchCourse();
  return principal.kind === 'anonymous'
    ? refuse('unauthenticated', 'Sign in as the instructor of this course.')
    : refuse('permission_denied', 'Only its instructor may see or change the draft of this course.');
}

export function userIdOf(context: CallContext): string {
  const { principal } = context;
  if (principal.kind !== 'user') throw new Error('An operation of authors was called by nobody.');
  return principal.userId;
}
