/** A course as the API shows it: as it was last released, or as its draft is. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CourseSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { type CourseBody, levelOf, type StoredPrice, statusOf } from './course.ts';
import type { ListingBody, ReleaseBody } from './release.ts';

type CourseMessage = MessageInitShape<typeof CourseSchema>;

export function priceMessage(price: StoredPrice) {
  return { currency: price.currency, amountMinor: BigInt(price.amountMinor) };
}

/** A course of the catalogue; without its description, which only the course's own page shows. */
export function listedMessage(listing: ListingBody, instructorName: string): CourseMessage {
  return {
    id: listing.courseId,
    slug: listing.slug,
    title: listing.title,
    summary: listing.summary,
    level: levelOf(listing.level),
    language: listing.language,
    price: priceMessage(listing.price),
    instructor: { id: listing.instructorId, displayName: instructorName },
    rating: { count: 0 },
    releasedAt: timestampFromDate(new Date(listing.releasedAt)),
    status: statusOf(listing.release),
    release: listing.release,
    lessonCount: listing.lessonCount,
    durationSeconds: listing.durationSeconds,
  };
}

export function releasedMessage(
  listing: ListingBody,
  release: ReleaseBody,
  instructorName: string,
  forInstructor: boolean,
): CourseMessage {
  return {
    ...listedMessage(listing, instructorName),
    descriptionHtml: release.shown.descriptionHtml,
    ...(forInstructor && { description: release.shown.description }),
  };
}

export interface DraftCounts {
  readonly lessonCount: number;
  readonly durationSeconds: number;
}

export function draftMessage(
  courseId: string,
  course: CourseBody,
  counts: DraftCounts,
  instructorName: string,
  listing: ListingBody | undefined,
): CourseMessage {
  return {
    id: courseId,
    slug: course.slug,
    title: course.title,
    summary: course.summary,
    level: levelOf(course.level),
    language: course.language,
    price: priceMessage(course.price),
    instructor: { id: course.instructorId, displayName: instructorName },
    rating: { count: 0 },
    ...(listing !== undefined && { releasedAt: timestampFromDate(new Date(listing.releasedAt)) }),
    status: statusOf(course.release),
    release: course.release,
    description: course.description,
    ...counts,
  };
}
