/** What a lesson is: the stored head and content, and the reading of what an author sends for its kind. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FieldError } from '@suuupra/contracts/errors';
import type {
  LessonContent,
  LessonContentSchema,
  Video,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { contentHash, type KindWord } from './course.ts';
import { filesPath, renderMarkdown } from './markdown.ts';
import { quizMessage, readQuiz, type StoredQuiz } from './quiz.ts';

/** A document of `lessons`: what the outline shows of a draft lesson. Its version is the lesson's ETag. */
export interface LessonHead {
  readonly courseId: string;
  readonly sectionId: string;
  readonly title: string;
  readonly kind: KindWord;
  readonly preview: boolean;
  readonly durationSeconds: number;
  /** The author gave the duration, so a change of the text leaves it. */
  readonly durationGiven: boolean;
  /** Key in `lesson_versions` that this content has once it is published. */
  readonly contentHash: string;
  /** Files of ours that the content shows; each was checked to be the author's. */
  readonly fileIds: readonly string[];
}

/** A document of `lesson_contents` (the draft's, by lesson id) and of `lesson_versions` (published, by hash). */
export interface LessonBody {
  readonly lessonId: string;
  readonly content: StoredContent;
  /** Text lessons: sanitised HTML, kept so that a release renders byte for byte as it was published. */
  readonly html: string;
  /** What search may read of it. */
  readonly text: string;
}

export type StoredContent =
  | { readonly kind: 'text'; readonly markdown: string }
  | { readonly kind: 'video'; readonly video: StoredVideo }
  | { readonly kind: 'quiz'; readonly quiz: StoredQuiz };

export interface StoredVideo {
  readonly fileId: string;
  readonly captionsFileId: string;
  readonly posterFileId: string;
  readonly transcript: string;
}

/** A file that a lesson names: it must be the author's and of one of these types. */
export interface FileUse {
  readonly field: string;
  readonly fileId: string;
  readonly types: readonly string[];
}

export interface ReadContent {
  readonly content: StoredContent;
  readonly html: string;
  readonly text: string;
  readonly files: readonly FileUse[];
  /** From the number of words or questions; 0 where only the author can know. */
  readonly durationSeconds: number;
}

const wordsPerMinute = 200;
const durationStepSeconds = 10;
const imageTypes = ['image/png', 'image/jpeg', 'image/webp', 'image/svg+xml'];
const anyType = [...imageTypes, 'video/mp4', 'text/vtt'];

/** Reads the content of a lesson of this kind, or says what is wrong with it, under paths like `content.markdown`. */
export function readContent(kind: KindWord, content: LessonContent | undefined): ReadContent | FieldError[] {
  const wrong = wrongMembers(kind, content);
  if (wrong.length > 0) return wrong;
  switch (kind) {
    case 'text':
      return readText(content?.markdown ?? '');
    case 'video':
      return content?.video === undefined ? missing('content.video', 'a video lesson') : readVideo(content.video);
    case 'quiz':
      return content?.quiz === undefined ? missing('content.quiz', 'a quiz lesson') : readQuizContent(content.quiz);
  }
}

function wrongMembers(kind: KindWord, content: LessonContent | undefined): FieldError[] {
  const given: Record<'markdown' | 'video' | 'quiz', boolean> = {
    markdown: (content?.markdown ?? '') !== '',
    video: content?.video !== undefined,
    quiz: content?.quiz !== undefined,
  };
  const fitting = kind === 'text' ? 'markdown' : kind;
  return (['markdown', 'video', 'quiz'] as const)
    .filter((member) => given[member] && member !== fitting)
    .map((member) => ({
      field: `content.${member}`,
      code: 'not_allowed',
      detail: `a ${kind} lesson takes content.${fitting}`,
    }));
}

function missing(field: string, what: string): FieldError[] {
  return [{ field, code: 'required', detail: `${what} needs it` }];
}

function readText(markdown: string): ReadContent | FieldError[] {
  const field = 'content.markdown';
  if (markdown.trim() === '') return missing(field, 'a text lesson');
  const rendered = renderMarkdown(markdown);
  if (rendered === undefined) return unreadable(field);
  const words = rendered.text.split(/\s+/).length;
  const seconds = (words / wordsPerMinute) * 60;
  return {
    content: { kind: 'text', markdown },
    html: rendered.html,
    text: rendered.text,
    files: rendered.fileIds.map((fileId) => ({ field, fileId, types: anyType })),
    durationSeconds: Math.max(1, Math.ceil(seconds / durationStepSeconds)) * durationStepSeconds,
  };
}

export function unreadable(field: string): FieldError[] {
  return [{ field, code: 'not_allowed', detail: 'nested or knotted deeper than a reader could follow' }];
}

function readVideo(video: Video): ReadContent | FieldError[] {
  if (video.fileId === '') return missing('content.video.fileId', 'a video lesson');
  const { fileId, captionsFileId, posterFileId, transcript } = video;
  const files = [
    { field: 'content.video.fileId', fileId, types: ['video/mp4'] },
    { field: 'content.video.captionsFileId', fileId: captionsFileId, types: ['text/vtt'] },
    { field: 'content.video.posterFileId', fileId: posterFileId, types: imageTypes },
  ].filter((use) => use.fileId !== '');
  return {
    content: { kind: 'video', video: { fileId, captionsFileId, posterFileId, transcript } },
    html: '',
    text: transcript,
    files,
    durationSeconds: 0,
  };
}

function readQuizContent(quiz: NonNullable<LessonContent['quiz']>): ReadContent | FieldError[] {
  const read = readQuiz(quiz, 'content.quiz');
  if (Array.isArray(read)) return read;
  return {
    content: { kind: 'quiz', quiz: read.quiz },
    html: '',
    // Questions are found by their lesson's title only: their words would give hints away.
    text: '',
    files: read.fileIds.map((fileId) => ({ field: 'content.quiz.questions', fileId, types: anyType })),
    durationSeconds: read.durationSeconds,
  };
}

export function bodyOf(lessonId: string, read: ReadContent): { body: LessonBody; hash: string } {
  const body = { lessonId, content: read.content, html: read.html, text: read.text };
  return { body, hash: contentHash(body) };
}

export type ContentAudience = 'learner' | 'instructor';

/** The content as a message; a learner's carries no key and no feedback of a quiz. */
export function contentMessage(
  content: StoredContent,
  audience: ContentAudience,
): MessageInitShape<typeof LessonContentSchema> {
  switch (content.kind) {
    case 'text':
      return { markdown: content.markdown };
    case 'video':
      return { video: videoMessage(content.video) };
    case 'quiz':
      return { quiz: quizMessage(content.quiz, audience === 'instructor') };
  }
}

function videoMessage(video: StoredVideo) {
  return {
    ...video,
    url: fileUrl(video.fileId),
    captionsUrl: fileUrl(video.captionsFileId),
    posterUrl: fileUrl(video.posterFileId),
  };
}

export function fileUrl(fileId: string): string {
  return fileId === '' ? '' : `${filesPath}${fileId}`;
}
