/** Learning: who is enrolled and why, how far they are, and what they answered. */
import { ReleasePublishedSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import {
  AttemptGradedSchema,
  CourseCompletedSchema,
  EnrolmentEndedSchema,
  EnrolmentGrantedSchema,
  LessonCompletedSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import {
  EntitlementEndedSchema,
  EntitlementGrantedSchema,
  OrderPaidSchema,
  OrderRefundedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { defineService } from '@suuupra/platform/service';
import { type CountedFact, counted, countFacts } from '@suuupra/platform/telemetry/facts';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import { eventHandlers } from './events.ts';
import { createOutlines } from './outlines.ts';
import { learningRpc } from './rpc.ts';

export const learning = defineService({
  name: 'learning',
  provides: [LearningService],
  calls: { content: ContentService },
  engines: ['sql'],
  consumes: [
    OrderPaidSchema,
    OrderRefundedSchema,
    EntitlementGrantedSchema,
    EntitlementEndedSchema,
    ReleasePublishedSchema,
  ],
  publishes: [
    EnrolmentGrantedSchema,
    EnrolmentEndedSchema,
    LessonCompletedSchema,
    CourseCompletedSchema,
    AttemptGradedSchema,
  ],
  migrations: new URL('../migrations/', import.meta.url),
  start: async ({ engines, clients, publishIn: publish, telemetry, world }) => {
    const { sql } = engines;
    const publishIn = countFacts(publish, learningFacts(telemetry));
    const { content } = clients;
    const parts = { sql, content, publishIn, world, log: telemetry.log, outlines: createOutlines(sql, content) };
    return { implementations: [learningRpc(parts)], handlers: eventHandlers(parts) };
  },
});

function learningFacts({ counter }: Telemetry): CountedFact[] {
  const granted = counter('suuupra_enrolments_total', 'Enrolments granted');
  const ended = counter('suuupra_enrolments_ended_total', 'Enrolments ended');
  const lessons = counter('suuupra_lessons_completed_total', 'Lessons completed');
  const courses = counter('suuupra_courses_completed_total', 'Courses completed');
  return [
    counted(EnrolmentGrantedSchema, () => granted.inc()),
    counted(EnrolmentEndedSchema, () => ended.inc()),
    counted(LessonCompletedSchema, () => lessons.inc()),
    counted(CourseCompletedSchema, () => courses.inc()),
  ];
}
