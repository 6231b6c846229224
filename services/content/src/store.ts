/** The collections of this service and how its documents are read. */
import type {
  CollectionDefinition,
  DocumentOf,
  DocumentReader,
  Documents,
  DocumentTransaction,
} from '@suuupra/platform/documents/documents';
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { LRUCache } from 'lru-cache';
import { type CourseBody, lessonsPerCourseMax, type TreeBody } from './course.ts';
import type { LessonBody, LessonHead } from './lesson.ts';
import { type ListingBody, type ReleaseBody, releaseId } from './release.ts';

/** Kinds of documents. What is written once is kept apart from what changes. */
export const collections = [
  { name: 'courses', indexed: ['instructorId', 'slug'], unique: [['slug']] },
  { name: 'trees', indexed: [] },
  { name: 'sections', indexed: ['courseId'] },
  { name: 'lessons', indexed: ['courseId'] },
  { name: 'lesson_contents', indexed: [] },
  { name: 'lesson_versions', indexed: [] },
  { name: 'releases', indexed: ['courseId'] },
  { name: 'listings', indexed: ['courseId', 'level', 'language'], unique: [['courseId']] },
  { name: 'files', indexed: ['ownerId'] },
  { name: 'file_grants', indexed: ['fileId', 'courseId'] },
] as const satisfies readonly CollectionDefinition[];

/** Releases and lesson versions never change, so they are kept as they were read. Nor does a course's listing become another. */
const releasesCachedCharsMax = 30_000_000;
const versionsCachedCharsMax = 30_000_000;
const listingIdsCachedMax = 50_000;

export type Course = DocumentOf<CourseBody>;

/** Typed reads of what the service keeps; writes are where they belong, in drafts.ts, publishing.ts and files.ts. */
export class Store {
  readonly documents: Documents;
  readonly #releases: LRUCache<string, ReleaseBody>;
  readonly #versions: LRUCache<string, LessonBody>;
  readonly #listingIds = new LRUCache<string, string>({ max: listingIdsCachedMax });

  constructor(documents: Documents) {
    this.documents = documents;
    this.#releases = new LRUCache({
      maxSize: releasesCachedCharsMax,
      sizeCalculation: (release) => JSON.stringify(release).length,
    });
    this.#versions = new LRUCache({
      maxSize: versionsCachedCharsMax,
      sizeCalculation: (version) => version.html.length + version.text.length + 20_000,
    });
  }

  /** By id or slug. */
  async course(idOrSlug: string): Promise<Course | undefined> {
    // An id holds an underscore, a slug never does.
    if (idOrSlug.includes('_')) return await this.documents.get<CourseBody>('courses', idOrSlug);
    const [found] = await this.documents.find<CourseBody>('courses', { slug: idOrSlug }, { limit: 1 });
    return found;
  }

  async release(courseId: string, number: number): Promise<ReleaseBody | undefined> {
    if (number <= 0) return undefined;
    const id = releaseId(courseId, number);
    const kept = this.#releases.get(id);
    if (kept !== undefined) return kept;
    const body = (await this.documents.get<ReleaseBody>('releases', id))?.body;
    if (body !== undefined) this.#releases.set(id, body);
    return body;
  }

  async version(hash: string): Promise<LessonBody> {
    const kept = this.#versions.get(hash);
    if (kept !== undefined) return kept;
    const body = (await this.documents.get<LessonBody>('lesson_versions', hash))?.body;
    if (body === undefined) throw new Error(`A release names the lesson version ${hash}, which is not there.`);
    this.#versions.set(hash, body);
    return body;
  }

  /** The listings, as they are now, of those of the courses that were released. */
  async listingsOf(courseIds: readonly string[]): Promise<Map<string, ListingBody>> {
    const asked = new Set(courseIds);
    const unknown = [...asked].filter((id) => !this.#listingIds.has(id));
    const courses = unknown.length === 0 ? [] : await this.documents.getMany<CourseBody>('courses', unknown);
    for (const { id, body } of courses) if (body.listingId !== '') this.#listingIds.set(id, body.listingId);
    return await this.listings([...asked].map((id) => this.#listingIds.get(id) ?? ''));
  }

  async listings(ids: readonly string[]): Promise<Map<string, ListingBody>> {
    const known = ids.filter((id) => id !== '');
    if (known.length === 0) return new Map();
    const found = await this.documents.getMany<ListingBody>('listings', known);
    return new Map(found.map(({ body }) => [body.courseId, body]));
  }
}

export async function treeOf(reader: DocumentReader, courseId: string): Promise<DocumentOf<TreeBody>> {
  const tree = await reader.get<TreeBody>('trees', courseId);
  if (tree === undefined) throw new Error(`The course ${courseId} has no tree.`);
  return tree;
}

export async function headsOf(reader: DocumentReader, courseId: string): Promise<Map<string, LessonHead>> {
  const found = await reader.find<LessonHead>('lessons', { courseId }, { limit: lessonsPerCourseMax });
  return new Map(found.map(({ id, body }) => [id, body]));
}

/** Runs `work` in a transaction that commits unless it answers a refusal: then nothing was changed. */
export async function refusable<T>(
  documents: Documents,
  work: (tx: DocumentTransaction) => Promise<T | Refusal>,
): Promise<T | Refusal> {
  let refused: Refusal | undefined;
  try {
    return await documents.transaction(async (tx) => {
      const result = await work(tx);
      if (!isRefusal(result)) return result;
      refused = result;
      throw new RolledBack();
    });
  } catch (error) {
    if (error instanceof RolledBack && refused !== undefined) return refused;
    throw error;
  }
}

class RolledBack extends Error {}
