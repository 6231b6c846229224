/** What an instructor does to a course. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { call, callWithEtag, query } from './client.ts';
import type { Course, Lesson, LessonContentInput, LessonKind, Money, OutlineSection } from './types.ts';

const enc = encodeURIComponent;

export interface MyCoursesPage {
  readonly courses: Course[];
  readonly nextPageToken?: string;
}

export const myCoursesQuery = infiniteQueryOptions({
  queryKey: ['my-courses'],
  queryFn: ({ signal, pageParam }) =>
    call<MyCoursesPage>('GET', `/instructors/me/courses${query({ pageSize: 50, pageToken: pageParam })}`, { signal }),
  initialPageParam: '',
  getNextPageParam: (last: MyCoursesPage) => last.nextPageToken || undefined,
});

/** The draft with the ETag that a change must name. */
export const draftCourseQuery = (id: string) =>
  queryOptions({
    queryKey: ['draft-course', id],
    queryFn: ({ signal }) => callWithEtag<{ course: Course }>('GET', `/courses/${enc(id)}?draft=true`, { signal }),
  });

export const draftLessonQuery = (id: string) =>
  queryOptions({
    queryKey: ['draft-lesson', id],
    queryFn: ({ signal }) => callWithEtag<{ lesson: Lesson }>('GET', `/lessons/${enc(id)}?draft=true`, { signal }),
  });

export interface CourseFields {
  readonly title: string;
  readonly summary: string;
  readonly description: string;
  readonly language: string;
  readonly level: string;
  readonly price: Money;
}

export const createCourse = (body: CourseFields) => call<{ course: Course }>('POST', '/courses', { body });

export const updateCourse = (id: string, body: CourseFields, ifMatch: string) =>
  call<{ course: Course }>('PATCH', `/courses/${enc(id)}`, { body, ifMatch });

export const createSection = (courseId: string, title: string) =>
  call<{ section: OutlineSection }>('POST', `/courses/${enc(courseId)}/sections`, { body: { title } });

export interface LessonFields {
  readonly title: string;
  readonly kind: LessonKind;
  readonly content: LessonContentInput;
  readonly preview: boolean;
}

export const createLesson = (sectionId: string, body: LessonFields) =>
  call<{ lesson: Lesson }>('POST', `/sections/${enc(sectionId)}/lessons`, { body });

export const updateLesson = (id: string, body: Omit<LessonFields, 'kind'>, ifMatch: string) =>
  call<{ lesson: Lesson }>('PATCH', `/lessons/${enc(id)}`, { body, ifMatch });

export const publishCourse = (id: string) =>
  call<{ course: Course }>('POST', `/courses/${enc(id)}:publish`, { body: {} });

export interface StoredFile {
  readonly id: string;
}

/** The bytes as the body; the answer names the file. */
export async function uploadFile(file: File): Promise<StoredFile> {
  const answer = await call<{ file: StoredFile }>('POST', `/files${query({ name: file.name })}`, { body: file });
  return answer.file;
}
