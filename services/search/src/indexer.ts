/**
 * Keeps the index up with releases: a course is marked dirty in the transaction that hears of its release; one process of
 * the service, which holds the lease, asks content for the release and writes its documents. From the table they reach
 * the index: of an index in the process every process follows the table by itself and holds all of it; an index on a
 * server is brought up by the one with the lease, which also builds it anew when its form is another.
 */
import type { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { type Client, isRefusal } from '@suuupra/platform/rpc/rpc';
import { type SearchDocument, SearchFault, type SearchIndex } from '@suuupra/platform/search/search';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { documentForm, documentsOf } from './document.ts';

export interface IndexerParts {
  readonly sql: Sql;
  readonly index: SearchIndex;
  readonly content: Pick<Client<typeof ContentService>, 'getRelease' | 'listReleasedCourses'>;
  readonly world: World;
  readonly log: Log;
}

const channel = 'search_documents';
const leaseName = 'search:indexer';
const coursesPerPage = 100;
const coursesPerRound = 20;
const fetchMsMax = 20_000;
/** Between tries of a course that cannot be indexed: doubled from the first to the last. */
const retryMs = { first: 250, last: 30_000 };
/** Looks without being told: for what a stopped process has left, for its lease, for a notification that was lost. */
const idleMsMax = 5_000;
/** An index on a server that took nothing, or could not be built, is tried again after this. */
const sharedRetryMs = 5_000;

interface FollowedCourse {
  readonly change: string;
  readonly documentIds: ReadonlySet<string>;
}

interface Lease {
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export class Indexer {
  readonly #parts: IndexerParts;
  readonly #courses = new Map<string, FollowedCourse>();
  readonly #stopped = new AbortController();
  #following: Loop | undefined;
  #indexing: Loop | undefined;
  #listener: { close(): Promise<void> } | undefined;
  #lease: Lease | undefined;
  /** The table was empty when this process came: content is asked for all, and the shared index then built from it. */
  #tableWasLost = false;
  #mustQueueAll = false;
  #followed = '';
  #rebuilding: Promise<void> | undefined;
  #rebuildNotBeforeMs = 0;

  constructor(parts: IndexerParts) {
    this.#parts = parts;
  }

  /** Ids of the courses that are in the index. */
  courseIds(): Iterable<string> {
    return this.#courses.keys();
  }

  /** Fills the index of this process from the table. A table that was emptied is filled again once the loops run. */
  async load(): Promise<void> {
    const { sql, world, index } = this.#parts;
    if (!index.shared) await index.rebuild(this.#stored((id, course) => this.#courses.set(id, course)));
    await this.#follow();
    this.#tableWasLost = (await sql.query('SELECT 1 FROM indexed_courses LIMIT 1')).length === 0;
    this.#mustQueueAll = this.#tableWasLost;
    await sql.execute(
      `INSERT INTO index_queue (course_id, release, due_at)
       SELECT course_id, release, $2 FROM indexed_courses WHERE form <> $1 ON CONFLICT DO NOTHING`,
      [documentForm, new Date(world.now())],
    );
  }

  async begin(): Promise<void> {
    const { sql, world, log } = this.#parts;
    const failed = (error: unknown) => log.error('the search index cannot be kept up', { error });
    const now = () => world.now();
    this.#listener = await sql.listen(channel, () => {
      this.#following?.nudge();
      this.#indexing?.nudge();
    });
    this.#following = startLoop({ round: () => this.#follow(), now, idleMsMax, failed });
    this.#indexing = startLoop({ round: () => this.#round(), now, idleMsMax, failed });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#listener?.close();
    await Promise.all([this.#following?.stop(), this.#indexing?.stop()]);
    await this.#rebuilding;
    await this.#lease?.release();
  }

  /** In the transaction that applies the event: the course is to be indexed at this release or a later one. */
  async markDirty(tx: SqlTransaction, courseId: string, release: number): Promise<void> {
    await enqueue(tx, courseId, release, this.#parts.world.now());
    await tell(tx, 'queued');
  }

  /** Takes over every course that the table holds at another change than this process. */
  async #follow(): Promise<undefined> {
    const { sql } = this.#parts;
    // One line says whether anything is new; numbers are given before commits, so the greatest alone would not.
    const [state] = await sql.query<{ state: string }>(
      `SELECT count(*) || ':' || coalesce(sum(change), 0) AS state FROM indexed_courses`,
    );
    if (state === undefined || state.state === this.#followed) return;
    const written = await sql.query<{ course_id: string; change: string }>(
      'SELECT course_id, change::text AS change FROM indexed_courses ORDER BY course_id',
    );
    const news = written.filter((row) => this.#courses.get(row.course_id)?.change !== row.change);
    for (let at = 0; at < news.length; at += coursesPerRound) {
      await this.#takeOver(news.slice(at, at + coursesPerRound));
    }
    this.#followed = state.state;
  }

  async #takeOver(news: readonly { readonly course_id: string; readonly change: string }[]): Promise<void> {
    const { index } = this.#parts;
    if (index.shared) {
      for (const { course_id: id, change } of news) this.#courses.set(id, { change, documentIds: new Set() });
      return;
    }
    const stored = await this.#documentsOf(news.map(({ course_id: id }) => id));
    for (const { course_id: id, change } of news) {
      const { documents, release } = stored.get(id) ?? { documents: [], release: 0 };
      const documentIds = new Set(documents.map((document) => document.id));
      const dropped = [...(this.#courses.get(id)?.documentIds ?? [])].filter((one) => !documentIds.has(one));
      await index.put(documents);
      await index.remove(dropped, release);
      this.#courses.set(id, { change, documentIds });
    }
  }

  async #documentsOf(
    courseIds: readonly string[],
  ): Promise<Map<string, { readonly release: number; readonly documents: SearchDocument[] }>> {
    const rows = await this.#parts.sql.query<{ course_id: string; release: number; body: SearchDocument | null }>(
      `SELECT course_id, courses.release, body FROM indexed_courses AS courses
       LEFT JOIN search_documents USING (course_id) WHERE course_id = ANY($1::text[])`,
      [courseIds],
    );
    return new Map(
      [...Map.groupBy(rows, (row) => row.course_id)].map(([id, ofCourse]) => [
        id,
        {
          release: ofCourse[0]?.release ?? 0,
          documents: ofCourse.flatMap(({ body }) => (body === null ? [] : [body])),
        },
      ]),
    );
  }

  /** Every stored document, some courses at a time. */
  async *#stored(read: (courseId: string, course: FollowedCourse) => void): AsyncGenerator<SearchDocument[]> {
    for (let after = ''; ; ) {
      const page = await this.#parts.sql.query<{ course_id: string; change: string }>(
        `SELECT course_id, change::text AS change FROM indexed_courses WHERE course_id > $1
         ORDER BY course_id LIMIT $2`,
        [after, coursesPerRound],
      );
      const stored = await this.#documentsOf(page.map(({ course_id: id }) => id));
      for (const { course_id: id, change } of page) {
        read(id, { change, documentIds: new Set(stored.get(id)?.documents.map((document) => document.id)) });
      }
      yield [...stored.values()].flatMap(({ documents }) => documents);
      const last = page.at(-1);
      if (last === undefined || page.length < coursesPerRound) return;
      after = last.course_id;
    }
  }

  async #round(): Promise<number | undefined> {
    const { sql, world, index } = this.#parts;
    if (!(await this.#holdsLease())) return undefined;
    if (this.#mustQueueAll) await this.#queueAll();
    const due = await sql.query<{ course_id: string; release: number; tries: number }>(
      'SELECT course_id, release, tries FROM index_queue WHERE due_at <= $1 ORDER BY due_at LIMIT $2',
      [new Date(world.now()), coursesPerRound],
    );
    for (const { course_id: courseId, release, tries } of due) await this.#indexOrPostpone(courseId, release, tries);
    const moreAtMs = index.shared ? await this.#keepShared() : undefined;
    const [next] = await sql.query<{ due_at: Date | null }>('SELECT min(due_at) AS due_at FROM index_queue');
    const times = [moreAtMs, next?.due_at?.getTime()].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** One process asks content and writes; when it is gone, another one's next look finds the lease free. */
  async #holdsLease(): Promise<boolean> {
    if (this.#lease !== undefined && !this.#lease.lost.aborted) return true;
    this.#lease = await this.#parts.sql.tryLock(leaseName);
    return this.#lease !== undefined;
  }

  /** Every course that content has released, for a table that was lost. */
  async #queueAll(): Promise<void> {
    const { sql, content, world } = this.#parts;
    let pageToken = '';
    do {
      const page = await content.listReleasedCourses(
        { pageSize: coursesPerPage, pageToken },
        { timeoutMs: fetchMsMax },
      );
      if (isRefusal(page)) throw new Error(`content refused its list of courses: ${page.code}`);
      await sql.transaction(async (tx) => {
        for (const courseId of page.courseIds) await enqueue(tx, courseId, 0, world.now());
      });
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    this.#mustQueueAll = false;
  }

  async #indexOrPostpone(courseId: string, release: number, tries: number): Promise<void> {
    const { sql, world, log } = this.#parts;
    try {
      await this.#indexCourse(courseId, release);
    } catch (error) {
      const waitMs = Math.min(retryMs.last, retryMs.first * 2 ** Math.min(tries, 16));
      log.warn('a course cannot be indexed yet', { error, courseId, tries });
      await sql.execute('UPDATE index_queue SET tries = tries + 1, due_at = $2 WHERE course_id = $1', [
        courseId,
        new Date(world.now() + waitMs),
      ]);
    }
  }

  async #indexCourse(courseId: string, wanted: number): Promise<void> {
    const { sql, content } = this.#parts;
    const answer = await content.getRelease({ courseId, release: 0, withText: true }, { timeoutMs: fetchMsMax });
    if (isRefusal(answer)) {
      if (answer.code !== 'not_found') throw new Error(`content refused a release: ${answer.code}`);
      // A mark that came meanwhile is of a newer release, and stays.
      await sql.execute('DELETE FROM index_queue WHERE course_id = $1 AND release <= $2', [courseId, wanted]);
      return;
    }
    if (answer.release < wanted) throw new Error(`content shows release ${answer.release} after ${wanted}`);
    const documents = documentsOf(answer);
    await this.#write(courseId, answer.release, documents);
  }

  /** Nothing happens when a newer release is already written. */
  async #write(courseId: string, release: number, documents: readonly SearchDocument[]): Promise<void> {
    const ids = documents.map(({ id }) => id);
    await this.#parts.sql.transaction(async (tx) => {
      const taken = await tx.execute(
        `INSERT INTO indexed_courses (course_id, release, form) VALUES ($1, $2, $3)
         ON CONFLICT (course_id) DO UPDATE
         SET release = EXCLUDED.release, form = EXCLUDED.form, change = nextval('course_change')
         WHERE indexed_courses.release <= EXCLUDED.release`,
        [courseId, release, documentForm],
      );
      await tx.execute('DELETE FROM index_queue WHERE course_id = $1 AND release <= $2', [courseId, release]);
      if (taken === 0) return;
      await tx.execute(
        `INSERT INTO dropped_documents (id, course_id, release)
         SELECT id, $1, $2::int FROM search_documents WHERE course_id = $1 AND id <> ALL ($3::text[])
         ON CONFLICT (id) DO UPDATE SET release = EXCLUDED.release`,
        [courseId, release, ids],
      );
      await tx.execute('DELETE FROM dropped_documents WHERE id = ANY ($1::text[])', [ids]);
      await tx.execute('DELETE FROM search_documents WHERE course_id = $1', [courseId]);
      await tx.execute(
        `INSERT INTO search_documents (id, course_id, release, body)
         SELECT id, $1, $2, body::jsonb FROM unnest($3::text[], $4::text[]) AS given (id, body)`,
        [courseId, release, ids, documents.map((one) => JSON.stringify(one))],
      );
      await tell(tx, 'written');
    });
  }

  /** Brings the index on a server up to the table; gives when there is more to do. An absent server delays nothing else. */
  async #keepShared(): Promise<number | undefined> {
    const { world, log } = this.#parts;
    try {
      await this.#rebuildWhereNeeded();
      return (await this.#bringCourses()) > 0 ? world.now() : undefined;
    } catch (error) {
      if (!(error instanceof SearchFault)) throw error;
      log.warn('the shared search index is behind', { error });
      return world.now() + sharedRetryMs;
    }
  }

  async #rebuildWhereNeeded(): Promise<void> {
    const { sql, index, world } = this.#parts;
    if (this.#rebuilding !== undefined || world.now() < this.#rebuildNotBeforeMs) return;
    const isNeeded = await index.needsRebuild();
    if (!isNeeded && !this.#tableWasLost) return;
    const [state] = await sql.query<{ stored: boolean; queued: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM indexed_courses) AS stored, EXISTS (SELECT 1 FROM index_queue) AS queued`,
    );
    // From a table that is still being filled only an index would be built that lacks what the present one has.
    if (state?.queued === true && !(isNeeded && state.stored)) return;
    this.#rebuilding = this.#rebuild().finally(() => {
      this.#rebuilding = undefined;
    });
  }

  /** Beside the loop: what is written meanwhile reaches the old index and the new one. */
  async #rebuild(): Promise<void> {
    const { index, world, log } = this.#parts;
    const signals = [this.#stopped.signal, ...(this.#lease === undefined ? [] : [this.#lease.lost])];
    try {
      await index.rebuild(
        this.#stored(() => {}),
        AbortSignal.any(signals),
      );
      this.#tableWasLost = false;
    } catch (error) {
      this.#rebuildNotBeforeMs = world.now() + sharedRetryMs;
      if (!this.#stopped.signal.aborted) log.error('the shared search index could not be built anew', { error });
    }
  }

  async #bringCourses(): Promise<number> {
    const { sql } = this.#parts;
    const behind = await sql.query<{ course_id: string; change: string }>(
      `SELECT course_id, change::text AS change FROM indexed_courses WHERE shared_change IS DISTINCT FROM change
       ORDER BY change LIMIT $1`,
      [coursesPerRound],
    );
    const stored = await this.#documentsOf(behind.map(({ course_id: id }) => id));
    for (const { course_id: id, change } of behind) {
      // First, so that nobody finds what is new beside what it replaces.
      await this.#bringRemovals(id);
      await this.#putShared(stored.get(id)?.documents ?? []);
      await sql.execute('UPDATE indexed_courses SET shared_change = $2::bigint WHERE course_id = $1', [id, change]);
    }
    return behind.length;
  }

  /** A document that the index can never take is left out, and the others of its course are not. */
  async #putShared(documents: readonly SearchDocument[]): Promise<void> {
    const { index, log } = this.#parts;
    const isInvalid = (error: unknown) => error instanceof SearchFault && error.kind === 'invalid';
    try {
      await index.put(documents);
    } catch (error) {
      if (!isInvalid(error)) throw error;
      for (const document of documents) {
        await index.put([document]).catch((problem: unknown) => {
          if (!isInvalid(problem)) throw problem;
          log.error('a document cannot be searched', { error: problem, documentId: document.id });
        });
      }
    }
  }

  async #bringRemovals(courseId: string): Promise<void> {
    const { sql, index } = this.#parts;
    const dropped = await sql.query<{ id: string; release: number }>(
      'SELECT id, release FROM dropped_documents WHERE course_id = $1',
      [courseId],
    );
    for (const [release, rows] of Map.groupBy(dropped, (row) => row.release)) {
      const ids = rows.map(({ id }) => id);
      await index.remove(ids, release);
      await sql.execute('DELETE FROM dropped_documents WHERE id = ANY($1::text[]) AND release = $2', [ids, release]);
    }
  }
}

async function tell(tx: SqlTransaction, what: 'queued' | 'written'): Promise<void> {
  await tx.execute('SELECT pg_notify($1, $2)', [channel, what]);
}

async function enqueue(tx: SqlTransaction, courseId: string, release: number, nowMs: number): Promise<void> {
  await tx.execute(
    `INSERT INTO index_queue (course_id, release, due_at) VALUES ($1, $2, $3)
     ON CONFLICT (course_id) DO UPDATE
     SET release = GREATEST(index_queue.release, EXCLUDED.release), due_at = EXCLUDED.due_at, tries = 0`,
    [courseId, release, new Date(nowMs)],
  );
}
