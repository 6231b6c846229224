/** What anybody may see: courses, outlines, lessons, search. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import type { Course, Facet, Lesson, OutlineSection, SearchResult } from './types.ts';

export interface CourseFilter {
  readonly level?: string | undefined;
  readonly language?: string | undefined;
}
export interface CoursesPage {
  readonly courses: Course[];
  readonly nextPageToken?: string;
}
export interface Outline {
  readonly sections: OutlineSection[];
  readonly release?: number;
}
export interface SearchAnswer {
  readonly results: SearchResult[];
  readonly facets: Record<string, Facet>;
  readonly tookMs: number;
  readonly nextPageToken?: string;
  readonly total: number;
  readonly correctedQuery?: string;
}
export interface SearchAsked {
  readonly q: string;
  readonly kind?: string | undefined;
  readonly level?: string | undefined;
  readonly language?: string | undefined;
}

const catalogueStaleMs = 30_000;

export const coursesQuery = (filter: CourseFilter) =>
  infiniteQueryOptions({
    queryKey: ['courses', { level: filter.level ?? '', language: filter.language ?? '' }],
    queryFn: ({ signal, pageParam }) =>
      call<CoursesPage>('GET', `/courses${query({ ...filter, pageSize: 24, pageToken: pageParam })}`, { signal }),
    initialPageParam: '',
    getNextPageParam: (last: CoursesPage) => last.nextPageToken || undefined,
    staleTime: catalogueStaleMs,
    placeholderData: keepPreviousData,
  });

/** By id or slug. */
export const courseQuery = (idOrSlug: string) =>
  queryOptions({
    queryKey: ['course', idOrSlug],
    queryFn: ({ signal }) => call<{ course: Course }>('GET', `/courses/${encodeURIComponent(idOrSlug)}`, { signal }),
    select: (answer) => answer.course,
    staleTime: catalogueStaleMs,
  });

export const outlineQuery = (idOrSlug: string, draft = false) =>
  queryOptions({
    queryKey: ['outline', idOrSlug, draft],
    queryFn: ({ signal }) =>
      call<Outline>('GET', `/courses/${encodeURIComponent(idOrSlug)}/outline${query({ draft })}`, { signal }),
    staleTime: draft ? 0 : catalogueStaleMs,
  });

export const lessonQuery = (id: string, draft = false) =>
  queryOptions({
    queryKey: ['lesson', id, draft],
    queryFn: ({ signal }) =>
      call<{ lesson: Lesson }>('GET', `/lessons/${encodeURIComponent(id)}${query({ draft })}`, { signal }),
    select: (answer) => answer.lesson,
    staleTime: draft ? 0 : 5 * 60_000,
  });

export const searchQuery = (asked: SearchAsked) =>
  infiniteQueryOptions({
    queryKey: ['search', asked],
    queryFn: ({ signal, pageParam }) =>
      call<SearchAnswer>('GET', `/search${query({ ...asked, pageToken: pageParam })}`, { signal }),
    initialPageParam: '',
    getNextPageParam: (last: SearchAnswer) => last.nextPageToken || undefined,
    enabled: asked.q.trim() !== '',
    placeholderData: keepPreviousData,
    staleTime: catalogueStaleMs,
  });
