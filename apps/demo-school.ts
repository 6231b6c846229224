/** Reads the files of demo/ (their form: demo/README.md) into what the API takes. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

export interface School {
  readonly instructors: readonly { readonly key: string; readonly displayName: string }[];
  readonly courses: readonly {
    readonly folder: string;
    readonly course: { readonly slug: string; readonly instructor: string };
  }[];
}

export interface CourseFile {
  readonly slug: string;
  readonly title: string;
  readonly summary: string;
  readonly description: string;
  readonly language: string;
  readonly level: string;
  readonly price: { readonly currency: string; readonly amountMinor: string };
  readonly instructor: string;
  readonly sections: readonly { readonly title: string; readonly lessons: readonly LessonFile[] }[];
}

interface LessonCommon {
  readonly title: string;
  readonly preview: boolean;
  readonly durationSeconds: number;
}

export type LessonFile =
  | (LessonCommon & { readonly kind: 'text'; readonly content: { readonly markdown: string } })
  | (LessonCommon & { readonly kind: 'quiz'; readonly content: { readonly quiz: unknown } })
  | (LessonCommon & {
      readonly kind: 'video';
      /** Absolute paths. */
      readonly file: string;
      readonly captions?: string;
      readonly poster?: string;
      readonly transcript: string;
    });

const demoFolder = path.join(path.dirname(import.meta.dirname), 'demo');
/** A quiz is counted at a minute and a half a question. */
const secondsPerQuestion = 90;

export function readSchool(): School {
  const { instructors, courses } = readJson(path.join(demoFolder, 'school.json')) as {
    instructors: School['instructors'];
    courses: string[];
  };
  return {
    instructors,
    courses: courses.map((slug) => {
      const folder = path.join(demoFolder, 'courses', slug);
      return { folder, course: readJson(path.join(folder, 'course.json')) as School['courses'][number]['course'] };
    }),
  };
}

export function readCourse(folder: string): CourseFile {
  const course = readJson(path.join(folder, 'course.json')) as Omit<CourseFile, 'sections'> & {
    sections: { title: string; lessons: string[] }[];
  };
  return {
    ...course,
    sections: course.sections.map(({ title, lessons }) => ({
      title,
      lessons: lessons.map((name) => readLesson(path.join(folder, 'lessons', name))),
    })),
  };
}

function readLesson(file: string): LessonFile {
  if (file.endsWith('.quiz.json')) return readQuiz(file);
  if (file.endsWith('.video.json')) return readVideo(file);
  const [, frontMatter, markdown] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(readFileSync(file, 'utf8')) ?? [];
  if (frontMatter === undefined || markdown === undefined) throw new Error(`${file} has no front matter.`);
  const { title, preview, durationSeconds } = parse(frontMatter) as LessonCommon;
  return { kind: 'text', title, preview, durationSeconds, content: { markdown: markdown.trim() } };
}

interface QuizFile {
  readonly title: string;
  readonly preview?: boolean;
  readonly passFraction: number;
  readonly questions: readonly QuestionFile[];
}

interface QuestionFile {
  readonly kind: string;
  readonly stem: string;
  readonly points?: number;
  readonly options?: readonly unknown[];
  readonly correct: readonly number[] | { readonly value: number; readonly tolerance?: number; readonly unit?: string };
  readonly feedback?: unknown;
}

function readQuiz(file: string): LessonFile {
  const { title, preview = false, passFraction, questions } = readJson(file) as QuizFile;
  const quiz = { passFraction, questions: questions.map(question) };
  return { kind: 'quiz', title, preview, durationSeconds: questions.length * secondsPerQuestion, content: { quiz } };
}

function question({ correct, points = 1, ...rest }: QuestionFile): unknown {
  if ('value' in correct) {
    const { value, tolerance = 0, unit = '' } = correct;
    return { ...rest, points, unit, key: { value, tolerance } };
  }
  return { ...rest, points, key: { optionPositions: correct } };
}

function readVideo(file: string): LessonFile {
  const video = readJson(file) as LessonCommon & {
    file: string;
    captions?: string;
    poster?: string;
    transcript: string;
  };
  const media = (name: string) => path.join(demoFolder, 'media', name);
  return {
    kind: 'video',
    title: video.title,
    preview: video.preview,
    durationSeconds: video.durationSeconds,
    file: media(video.file),
    ...(video.captions === undefined ? {} : { captions: media(video.captions) }),
    ...(video.poster === undefined ? {} : { poster: media(video.poster) }),
    transcript: video.transcript,
  };
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8')) as unknown;
}
