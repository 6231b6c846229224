/** Enrolments, access, progress and attempts of the person who is here. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import type { Answer, Attempt, Because, Enrolment, LessonProgress, Progress } from './types.ts';

const enc = encodeURIComponent;

export const enrolmentsQuery = queryOptions({
  queryKey: ['enrolments'],
  queryFn: ({ signal }) => call<{ enrolments: Enrolment[] }>('GET', '/enrolments?pageSize=100', { signal }),
  select: (answer) => answer.enrolments,
});

export interface Access {
  readonly entitled: boolean;
  readonly because: Because[];
  readonly release?: number;
}

export const accessQuery = (courseId: string) =>
  queryOptions({
    queryKey: ['access', courseId],
    queryFn: ({ signal }) => call<Access>('GET', `/courses/${enc(courseId)}/access`, { signal }),
  });

export interface CourseProgress {
  readonly progress: Progress;
  readonly lessons: LessonProgress[];
  readonly nextLessonId: string;
}

export const courseProgressQuery = (courseId: string) =>
  queryOptions({
    queryKey: ['progress', courseId],
    queryFn: ({ signal }) => call<CourseProgress>('GET', `/courses/${enc(courseId)}/progress`, { signal }),
  });

export const putProgress = (
  lessonId: string,
  body: { positionSeconds?: number; completed?: boolean },
  keepalive = false,
) => call<{ progress: LessonProgress }>('PUT', `/lessons/${enc(lessonId)}/progress`, { body, keepalive });

export const attemptsQuery = (lessonId: string) =>
  queryOptions({
    queryKey: ['attempts', lessonId],
    queryFn: ({ signal }) => call<{ attempts: Attempt[] }>('GET', `/lessons/${enc(lessonId)}/attempts`, { signal }),
    select: (answer) => answer.attempts,
  });

export const attemptQuery = (id: string) =>
  queryOptions({
    queryKey: ['attempt', id],
    queryFn: ({ signal }) => call<{ attempt: Attempt }>('GET', `/attempts/${enc(id)}`, { signal }),
    select: (answer) => answer.attempt,
  });

export const startAttempt = (lessonId: string) =>
  call<{ attempt: Attempt }>('POST', `/lessons/${enc(lessonId)}/attempts`, { body: {} });

export const putAnswer = (attemptId: string, questionId: string, body: { optionIds?: string[]; value?: number }) =>
  call<{ answer: Answer }>('PUT', `/attempts/${enc(attemptId)}/answers/${enc(questionId)}`, { body });

export const submitAttempt = (id: string) =>
  call<{ attempt: Attempt }>('POST', `/attempts/${enc(id)}:submit`, { body: {} });
