/** What a course is: the draft that its author changes, and the words its fields take. */
import { createHash } from 'node:crypto';
import type { FieldError } from '@suuupra/contracts/errors';
import { CourseStatus, LessonKind, Level, QuestionKind } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';

export type LevelWord = 'beginner' | 'intermediate' | 'advanced';
export type KindWord = 'text' | 'video' | 'quiz';
export type QuestionKindWord = 'single' | 'multiple' | 'numeric' | 'ordering';

/** An amount as it is stored: JSON has no bigint. */
export interface StoredPrice {
  readonly currency: string;
  readonly amountMinor: string;
}

/** The description of a course; the same in a draft and in a release. */
export interface CourseFields {
  readonly title: string;
  readonly summary: string;
  readonly description: string;
  readonly level: LevelWord;
  readonly language: string;
  readonly price: StoredPrice;
}

/** A document of `courses`: the draft, and which release is the newest. */
export interface CourseBody extends CourseFields {
  readonly slug: string;
  readonly instructorId: string;
  readonly descriptionFileIds: readonly string[];
  readonly createdAt: string;
  /** Number of the newest release; 0 while there is none. */
  readonly release: number;
  readonly releaseHash: string;
  /** Id in `listings`, made with the first release; '' before. */
  readonly listingId: string;
}

/** A document of `trees`, by course id: the order of what is taught. */
export interface TreeBody {
  readonly sections: readonly TreeSection[];
}

export interface TreeSection {
  readonly id: string;
  readonly title: string;
  readonly lessonIds: readonly string[];
}

/** Bounds the outline that is read, sent and frozen whole. */
export const sectionsPerCourseMax = 100;
export const lessonsPerCourseMax = 1_000;
export const releasesPerCourseMax = 10_000;
/** Ten million in the major unit: far above any course, far below where a sum of prices leaves 64 bits. */
export const priceMinorMax = 1_000_000_000n;

const levels = [
  ['beginner', Level.BEGINNER],
  ['intermediate', Level.INTERMEDIATE],
  ['advanced', Level.ADVANCED],
] as const;

const kinds = [
  ['text', LessonKind.TEXT],
  ['video', LessonKind.VIDEO],
  ['quiz', LessonKind.QUIZ],
] as const;

const questionKinds = [
  ['single', QuestionKind.SINGLE],
  ['multiple', QuestionKind.MULTIPLE],
  ['numeric', QuestionKind.NUMERIC],
  ['ordering', QuestionKind.ORDERING],
] as const;

function wordOf<W, E>(pairs: readonly (readonly [W, E])[], value: E): W | undefined {
  return pairs.find(([, one]) => one === value)?.[0];
}

function valueFor<W, E>(pairs: readonly (readonly [W, E])[], word: W): E {
  const found = pairs.find(([one]) => one === word);
  if (found === undefined) throw new Error(`There is no value for the word ${String(word)}.`);
  return found[1];
}

/** Undefined for an unspecified level. */
export const levelWord = (level: Level) => wordOf(levels, level);
export const levelOf = (word: LevelWord) => valueFor(levels, word);
/** Undefined for a kind that cannot be made yet. */
export const kindWord = (kind: LessonKind) => wordOf(kinds, kind);
export const kindOf = (word: KindWord) => valueFor(kinds, word);
export const questionKindWord = (kind: QuestionKind) => wordOf(questionKinds, kind);
export const questionKindOf = (word: QuestionKindWord) => valueFor(questionKinds, word);

export function statusOf(release: number): CourseStatus {
  return release > 0 ? CourseStatus.RELEASED : CourseStatus.DRAFT;
}

const slugCharsMax = 80;

/** A slug of a title: `Double-entry, für Ängstliche` becomes `double-entry-fur-angstliche`; '' when nothing is left. */
export function slugOfTitle(title: string): string {
  const words = title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .match(/[a-z0-9]+/g);
  return (words ?? []).join('-').slice(0, slugCharsMax).replace(/-+$/, '');
}

/** What is wrong with a price; undefined when nothing is. */
export function problemOfPrice(amountMinor: bigint): FieldError | undefined {
  if (amountMinor >= 0n && amountMinor <= priceMinorMax) return undefined;
  return { field: 'price.amountMinor', code: 'out_of_range', detail: `0 to ${priceMinorMax}` };
}

/** JSON with sorted keys and without absent members: equal values have equal texts (RFC 8785 for what we store). */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** SHA-256 of the canonical JSON, hex. */
export function contentHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
