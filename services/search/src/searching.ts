/** One search: what is asked, what the viewer may see, what is shown. */
import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import type {
  SearchRequest,
  SearchResponseSchema,
  SearchResultSchema,
} from '@suuupra/contracts/gen/suuupra/search/v1/search_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, type Client, hasRole, isRefusal, Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { escapeMarkup } from '@suuupra/platform/search/highlight';
import { SearchFault, type SearchHit, type SearchIndex, searchWindowMax } from '@suuupra/platform/search/search';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { LRUCache } from 'lru-cache';
import { kinds, levels, outlineMark, outlineOf, publicMark, textOf } from './document.ts';

export interface SearchingParts {
  readonly index: SearchIndex;
  readonly learning: Pick<Client<typeof LearningService>, 'checkAccess'>;
  readonly courseIds: () => Iterable<string>;
  readonly world: Pick<World, 'now'>;
  readonly log: Log;
}

const queryCharsMax = 512;
const queryWordsMax = 32;
/** Courses whose paid text matches and that learning is asked about in one search. */
const coursesAskedMax = 20;
/** How long a given or ended access may still be taken as it was. */
const accessKeptMs = 2_000;
const accessKeptMax = 10_000;
const accessMsMax = 1_000;
/** When a client may try again while the engine is away. */
const awaySeconds = 2;
const facets = ['kind', 'level', 'language'] as const;

export class Searching {
  readonly #parts: SearchingParts;
  readonly #access: LRUCache<string, { readonly entitled: boolean; readonly atMs: number }>;

  constructor(parts: SearchingParts) {
    this.#parts = parts;
    this.#access = new LRUCache({ max: accessKeptMax });
  }

  /** Refuses `unavailable` while the engine is away. */
  async search(
    request: SearchRequest,
    context: CallContext,
  ): Promise<MessageInitShape<typeof SearchResponseSchema> | Refusal> {
    try {
      return await this.#search(request, context);
    } catch (error) {
      if (!(error instanceof SearchFault) || error.kind !== 'unavailable') throw error;
      this.#parts.log.warn('the search engine is away', { error, requestId: context.requestId });
      return new Refusal('unavailable', 'Search does not answer at the moment; try again shortly.', [], awaySeconds);
    }
  }

  async #search(
    request: SearchRequest,
    context: CallContext,
  ): Promise<MessageInitShape<typeof SearchResponseSchema> | Refusal> {
    const startedMs = performance.now();
    const refused = refuseQuery(request);
    if (refused !== undefined) return refused;
    const page = readPage(request, ['integer', 'text']);
    if (isRefusal(page)) return page;
    const asked = fingerprint(request);
    const [after = '0', askedBefore = asked] = page.after;
    const offset = Number(after);
    if (askedBefore !== asked || offset < 0 || offset > searchWindowMax) return refuseToken();
    const filters = filtersOf(request);
    const answer = await this.#parts.index.search({
      words: request.q,
      viewerMarks: await this.#marksOf(request.q, filters, context),
      filters,
      facets,
      limit: page.limit,
      offset,
    });
    const next = offset + page.limit;
    return {
      results: answer.hits.map(resultOf),
      facets: Object.fromEntries(
        Object.entries(answer.facets).map(([name, values]) => [name, { values: [...values] }]),
      ),
      tookMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
      nextPageToken: next < Math.min(answer.total, searchWindowMax) ? pageToken([String(next), asked]) : '',
      total: answer.total,
      correctedQuery: answer.correctedWords ?? '',
    };
  }

  /** Everybody sees titles and previews; the text of a paid lesson is for those whom learning calls entitled now. */
  async #marksOf(words: string, filters: Readonly<Record<string, string>>, context: CallContext): Promise<Set<string>> {
    const { principal } = context;
    if (principal.kind !== 'user') return new Set([publicMark, outlineMark]);
    const courseIds = [...this.#parts.courseIds()];
    if (hasRole(principal, 'admin')) return new Set([publicMark, ...courseIds.map(textOf)]);
    const candidates = await this.#coursesWithMatchingText(words, filters, courseIds);
    const answers = await Promise.all(candidates.map((courseId) => this.#mayRead(principal.userId, courseId, context)));
    const open = new Set(candidates.filter((_, index) => answers[index]));
    if (open.size === 0) return new Set([publicMark, outlineMark]);
    return new Set([publicMark, ...courseIds.map((id) => (open.has(id) ? textOf(id) : outlineOf(id)))]);
  }

  /** Asked over all paid texts, for nobody's eyes: only to know for which courses access must be asked. */
  async #coursesWithMatchingText(
    words: string,
    filters: Readonly<Record<string, string>>,
    courseIds: readonly string[],
  ): Promise<string[]> {
    const viewerMarks = new Set(courseIds.map(textOf));
    const answer = await this.#parts.index.search({
      words,
      viewerMarks,
      filters,
      facets: ['courseId'],
      limit: 0,
      offset: 0,
    });
    if (answer.total === 0) return [];
    return (answer.facets['courseId'] ?? []).slice(0, coursesAskedMax).map(({ value }) => value);
  }

  /** No answer in time means no: a search must not wait for, nor open anything by, a service that is down. */
  async #mayRead(userId: string, courseId: string, context: CallContext): Promise<boolean> {
    const { learning, world, log } = this.#parts;
    const key = `${userId} ${courseId}`;
    const kept = this.#access.get(key);
    if (kept !== undefined && world.now() - kept.atMs < accessKeptMs) return kept.entitled;
    try {
      const answer = await learning.checkAccess(
        { userId, courseId },
        { context, principal: { kind: 'service', name: 'search' }, timeoutMs: accessMsMax },
      );
      if (isRefusal(answer)) throw new Error(`learning refused to say who has access: ${answer.code}`);
      this.#access.set(key, { entitled: answer.entitled, atMs: world.now() });
      return answer.entitled;
    } catch (error) {
      log.warn('access is not known; paid text is left out of a search', { error, requestId: context.requestId });
      return false;
    }
  }
}

function refuseQuery(request: SearchRequest): Refusal | undefined {
  if (request.q.length > queryCharsMax || request.q.split(/\s+/).length > queryWordsMax) {
    return invalid('q', 'too_long', `at most ${queryCharsMax} characters and ${queryWordsMax} words`);
  }
  if (request.kind !== '' && !kinds.some((kind) => kind === request.kind)) {
    return invalid('kind', 'not_allowed', kinds.join(' or '));
  }
  if (request.level !== '' && !levels.some((level) => level === request.level)) {
    return invalid('level', 'not_allowed', levels.join(', '));
  }
  return undefined;
}

function invalid(field: string, code: string, detail: string): Refusal {
  return refuse('invalid_request', `${field}: ${detail}.`, [{ field, code, detail }]);
}

function refuseToken(): Refusal {
  return invalid('pageToken', 'bad_format', 'give back the nextPageToken of the same search, unchanged');
}

function filtersOf(request: SearchRequest): Record<string, string> {
  const { kind, language, level, courseId } = request;
  return Object.fromEntries(Object.entries({ kind, language, level, courseId }).filter(([, value]) => value !== ''));
}

/** A page token continues the search it came from, and no other. */
function fingerprint(request: SearchRequest): string {
  const asked = JSON.stringify([request.q, filtersOf(request)]);
  return createHash('sha256').update(asked).digest('hex').slice(0, 16);
}

function resultOf(hit: SearchHit): MessageInitShape<typeof SearchResultSchema> {
  const { values, highlights } = hit;
  const value = (name: string) => values[name] ?? '';
  const title = value('title');
  return {
    kind: value('kind'),
    id: value('itemId'),
    title,
    highlight: highlights['body'] ?? highlights['summary'] ?? escapeMarkup(value('excerpt')),
    courseId: value('courseId'),
    courseTitle: value('courseTitle'),
    courseSlug: value('courseSlug'),
    titleHighlight: highlights['title'] ?? escapeMarkup(title),
  };
}
