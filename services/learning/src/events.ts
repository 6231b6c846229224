/** What learning hears: paid orders and entitlements grant, refunds and ends end, releases tell who teaches. */

import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { ReleasePublishedSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import {
  EntitlementEndedSchema,
  EntitlementGrantedSchema,
  OrderPaidSchema,
  OrderRefundedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { type EventHandler, on } from '@suuupra/platform/service';
import { recordFact } from './enrolments.ts';
import type { LearningParts } from './parts.ts';
import { lockLearners, putCourse } from './store.ts';

/** Whom the event is about: everything that changes for a person happens under their lock. */
const buyer = { keyOf: (event: { readonly buyerId: string }) => event.buyerId, take: lockLearners };
const person = { keyOf: (event: { readonly userId: string }) => event.userId, take: lockLearners };

export function eventHandlers(parts: LearningParts): EventHandler[] {
  const { world } = parts;
  return [
    on(
      OrderPaidSchema,
      async ({ event, tx, cause }) => {
        const publish = parts.publishIn(tx);
        for (const line of event.lines.filter(opensByItself)) {
          const enrolled = { userId: event.buyerId, courseId: line.courseId, courseTitle: line.title };
          const { lineId, release } = line;
          const fact = { kind: 'granted', lineId, orderId: event.orderId, release, at: timeOf(event.paidAt) } as const;
          await recordFact(tx, { publish, world, cause }, enrolled, fact);
        }
      },
      buyer,
    ),
    on(
      OrderRefundedSchema,
      async ({ event, tx, cause }) => {
        const publish = parts.publishIn(tx);
        for (const { lineId, courseId } of event.lines.filter(
          (line) => line.wholeLineRefunded && opensByItself(line),
        )) {
          const enrolled = { userId: event.buyerId, courseId, courseTitle: '' };
          const { orderId, refundId } = event;
          const fact = { kind: 'ended', lineId, orderId, refundId, at: timeOf(event.refundedAt) } as const;
          await recordFact(tx, { publish, world, cause }, enrolled, fact);
        }
      },
      buyer,
    ),
    on(
      EntitlementGrantedSchema,
      async ({ event, tx, cause }) => {
        const { entitlementId: lineId, orderId, release, source, userId, courseId, courseTitle } = event;
        const fact = { kind: 'granted', lineId, orderId, release, source, at: timeOf(event.grantedAt) } as const;
        await recordFact(tx, { publish: parts.publishIn(tx), world, cause }, { userId, courseId, courseTitle }, fact);
      },
      person,
    ),
    on(
      EntitlementEndedSchema,
      async ({ event, tx, cause }) => {
        const { entitlementId: lineId, because: source, userId, courseId } = event;
        const at = timeOf(event.endedAt);
        const fact = { kind: 'ended', lineId, orderId: '', refundId: '', source, at } as const;
        await recordFact(
          tx,
          { publish: parts.publishIn(tx), world, cause },
          { userId, courseId, courseTitle: '' },
          fact,
        );
      },
      person,
    ),
    on(ReleasePublishedSchema, async ({ event, tx }) => {
      await putCourse(tx, event.courseId, { instructorId: event.instructorId, newestRelease: event.release });
    }),
  ];
}

/** Lines of other kinds (gift, seats, subscription, cohort) open nothing: EntitlementGranted says whom they are for. */
function opensByItself({ kind }: { readonly kind: string }): boolean {
  return kind === '' || kind === 'course';
}

function timeOf(timestamp: Timestamp | undefined): Date {
  if (timestamp === undefined) throw new Error('the event does not say when it happened');
  return timestampDate(timestamp);
}
