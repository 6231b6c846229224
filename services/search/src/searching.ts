/**
 * Searching on behalf of somebody: what they may see is decided before anything is searched.
 *
 * Titles and public text are everybody's. The bodies of lessons are for those who are enrolled; learning is asked at each
 * search of somebody signed in, so that nothing is found after the right to it is gone.
 */
import { create } from '@bufbuild/protobuf';
import { EnrolmentStatus, type LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import {
  type SearchRequest,
  type SearchResponse,
  SearchResponseSchema,
} from '@suuupra/contracts/gen/suuupra/search/v1/search_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, type Client, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SearchAnswer, SearchHit, SearchIndex } from '@suuupra/platform/search/search';
import { bodySuffix, courseMark, publicMark } from './document.ts';

export interface SearchParts {
  readonly index: SearchIndex;
  readonly learning: Pick<Client<typeof LearningService>, 'listEnrolments'>;
}

/** The newest enrolments whose lessons are searched; nobody studies more at once. */
const enrolmentsMax = 100;
const offsetMax = 1_000;
const kinds = ['course', 'lesson'];
const levels = ['beginner', 'intermediate', 'advanced'];
const facets = ['kind', 'level', 'language'] as const;

/** Refuses `invalid_request` for an unknown kind or level and for a page that is none. */
export async function search(
  parts: SearchParts,
  request: SearchRequest,
  context: CallContext,
): Promise<SearchResponse | Refusal> {
  const startedMs = performance.now();
  const page = readPage(request, ['integer']);
  if (isRefusal(page)) return page;
  const wrong = unknownValue('kind', request.kind, kinds) ?? unknownValue('level', request.level, levels);
  if (wrong !== undefined) return wrong;
  const offset = Math.min(Math.max(0, Number(page.after[0] ?? 0)), offsetMax);
  const filters = Object.fromEntries(
    Object.entries({
      kind: request.kind,
      level: request.level,
      language: request.language,
      courseId: request.courseId,
    }).filter(([, value]) => value !== ''),
  );
  const viewerMarks = await marksOf(parts, context);
  const answer = await parts.index.search({
    words: request.q,
    viewerMarks,
    filters,
    facets,
    // A lesson may be found by its title and by its body: ask for enough to fill the page with either.
    limit: Math.min(100, page.limit * 2 + 1),
    offset,
  });
  return responseOf(answer, page.limit, offset, startedMs);
}

function unknownValue(field: string, value: string, allowed: readonly string[]): Refusal | undefined {
  if (value === '' || allowed.includes(value)) return undefined;
  return refuse('invalid_request', `${field} is one of ${allowed.join(', ')}.`, [
    { field, code: 'not_allowed', detail: `one of ${allowed.join(', ')}` },
  ]);
}

/** `public`, and the courses that the viewer is enrolled in at this moment: a refund counts at the next search. */
async function marksOf({ learning }: SearchParts, context: CallContext): Promise<Set<string>> {
  const marks = new Set([publicMark]);
  const { principal } = context;
  if (principal.kind !== 'user') return marks;
  const answer = await learning.listEnrolments({ pageSize: enrolmentsMax }, { principal, context });
  if (isRefusal(answer)) return marks;
  for (const { courseId, status } of answer.enrolments) {
    if (status === EnrolmentStatus.ACTIVE) marks.add(courseMark(courseId));
  }
  return marks;
}

function responseOf(answer: SearchAnswer, limit: number, offset: number, startedMs: number): SearchResponse {
  const { hits, consumed } = withoutTwins(answer.hits, limit);
  const nextOffset = offset + consumed;
  const more = nextOffset < answer.total && nextOffset < offsetMax;
  return create(SearchResponseSchema, {
    results: hits.map(resultOf),
    facets: Object.fromEntries(Object.entries(answer.facets).map(([name, values]) => [name, { values: [...values] }])),
    tookMs: Math.round((performance.now() - startedMs) * 100) / 100,
    nextPageToken: more ? pageToken([String(nextOffset)]) : '',
    total: answer.total,
    correctedQuery: answer.correctedWords ?? '',
  });
}

/** A lesson that is found by its title and by its body is shown once, by the better of the two. */
function withoutTwins(hits: readonly SearchHit[], limit: number): { hits: SearchHit[]; consumed: number } {
  const shown = new Map<string, SearchHit>();
  let consumed = 0;
  for (const hit of hits) {
    const id = shownIdOf(hit);
    if (!shown.has(id) && shown.size === limit) break;
    consumed += 1;
    if (!shown.has(id)) shown.set(id, hit);
  }
  return { hits: [...shown.values()], consumed };
}

function shownIdOf(hit: SearchHit): string {
  return hit.id.endsWith(bodySuffix) ? hit.id.slice(0, -bodySuffix.length) : hit.id;
}

function resultOf(hit: SearchHit) {
  const { values, highlights } = hit;
  return {
    kind: values['kind'] ?? '',
    id: shownIdOf(hit),
    title: values['title'] ?? '',
    highlight: highlights['body'] ?? highlights['summary'] ?? highlights['title'] ?? '',
    titleHighlight: highlights['title'] ?? '',
    courseId: values['courseId'] ?? '',
    courseTitle: values['courseTitle'] ?? '',
    courseSlug: values['courseSlug'] ?? '',
  };
}
