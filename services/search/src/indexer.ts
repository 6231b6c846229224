/**
 * Keeps the index up with releases: a course is marked dirty in the transaction that hears of its release; a loop asks
 * content for the release, writes its documents and then puts them into the index. Every process of the service keeps an
 * index of its own, filled from the same table.
 */
import type { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { type Client, isRefusal } from '@suuupra/platform/rpc/rpc';
import type { SearchDocument, SearchIndex } from '@suuupra/platform/search/search';
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
const coursesPerPage = 100;
const coursesPerRound = 20;
const fetchMsMax = 20_000;
/** Between tries of a course that cannot be indexed: doubled from the first to the last. */
const retryMs = { first: 250, last: 30_000 };
/** Looks into the queue without being told, for what a stopped process has left. */
const idleMsMax = 5_000;

interface IndexedCourse {
  readonly release: number;
  readonly documentIds: ReadonlySet<string>;
}

export class Indexer {
  readonly #parts: IndexerParts;
  readonly #courses = new Map<string, IndexedCourse>();
  #needsRebuild = false;
  #loop: Loop | undefined;
  #listener: { close(): Promise<void> } | undefined;

  constructor(parts: IndexerParts) {
    this.#parts = parts;
  }

  /** Ids of the courses that are in the index. */
  courseIds(): Iterable<string> {
    return this.#courses.keys();
  }

  /** Fills the index from the table. A table that was emptied, or is of another form, is built again by the loop. */
  async load(): Promise<void> {
    const { sql, world } = this.#parts;
    await this.#reload();
    const indexed = await sql.query('SELECT 1 FROM indexed_courses LIMIT 1');
    this.#needsRebuild = indexed.length === 0;
    await sql.execute(
      `INSERT INTO index_queue (course_id, release, due_at)
       SELECT course_id, release, $2 FROM indexed_courses WHERE form <> $1 ON CONFLICT DO NOTHING`,
      [documentForm, new Date(world.now())],
    );
  }

  async begin(): Promise<void> {
    const { sql, world, log } = this.#parts;
    this.#listener = await sql.listen(channel, (payload) => void this.#heard(payload));
    // What another process wrote between the load and the first notification.
    await this.#reload();
    this.#loop = startLoop({
      round: () => this.#round(),
      now: () => world.now(),
      idleMsMax,
      failed: (error) => log.error('the search index cannot be kept up', { error }),
    });
  }

  async stop(): Promise<void> {
    await this.#listener?.close();
    await this.#loop?.stop();
  }

  /** In the transaction that applies the event: the course is to be indexed at this release or a later one. */
  async markDirty(tx: SqlTransaction, courseId: string, release: number): Promise<void> {
    await enqueue(tx, courseId, release, this.#parts.world.now());
    tx.afterCommit(() => this.#loop?.nudge());
  }

  async #round(): Promise<number | undefined> {
    const { sql, world } = this.#parts;
    if (this.#needsRebuild) await this.#queueAll();
    const due = await sql.query<{ course_id: string; release: number; tries: number }>(
      'SELECT course_id, release, tries FROM index_queue WHERE due_at <= $1 ORDER BY due_at LIMIT $2',
      [new Date(world.now()), coursesPerRound],
    );
    for (const { course_id: courseId, release, tries } of due) await this.#indexOrPostpone(courseId, release, tries);
    const [next] = await sql.query<{ due_at: Date | null }>('SELECT min(due_at) AS due_at FROM index_queue');
    return next?.due_at?.getTime();
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
    this.#needsRebuild = false;
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
      await sql.execute('DELETE FROM index_queue WHERE course_id = $1', [courseId]);
      return;
    }
    if (answer.release < wanted) throw new Error(`content shows release ${answer.release} after ${wanted}`);
    const documents = documentsOf(answer);
    if (await this.#write(courseId, answer.release, documents)) await this.#apply(courseId, answer.release, documents);
  }

  /** False when a newer release is already written. */
  async #write(courseId: string, release: number, documents: readonly SearchDocument[]): Promise<boolean> {
    return await this.#parts.sql.transaction(async (tx) => {
      const taken = await tx.execute(
        `INSERT INTO indexed_courses (course_id, release, form) VALUES ($1, $2, $3)
         ON CONFLICT (course_id) DO UPDATE SET release = EXCLUDED.release, form = EXCLUDED.form
         WHERE indexed_courses.release <= EXCLUDED.release`,
        [courseId, release, documentForm],
      );
      await tx.execute('DELETE FROM index_queue WHERE course_id = $1 AND release <= $2', [courseId, release]);
      if (taken === 0) return false;
      await tx.execute('DELETE FROM search_documents WHERE course_id = $1', [courseId]);
      await tx.execute(
        `INSERT INTO search_documents (id, course_id, release, body)
         SELECT id, $1, $2, body::jsonb FROM unnest($3::text[], $4::text[]) AS given (id, body)`,
        [courseId, release, documents.map(({ id }) => id), documents.map((one) => JSON.stringify(one))],
      );
      await tx.execute('SELECT pg_notify($1, $2)', [channel, `${release} ${courseId}`]);
      return true;
    });
  }

  /** Puts the documents of a release into the index and takes out those of the course that it does not have. */
  async #apply(courseId: string, release: number, documents: readonly SearchDocument[]): Promise<void> {
    const { index } = this.#parts;
    const before = this.#courses.get(courseId);
    if (before !== undefined && before.release > release) return;
    const documentIds = new Set(documents.map(({ id }) => id));
    this.#courses.set(courseId, { release, documentIds });
    await index.put(documents);
    const dropped = [...(before?.documentIds ?? [])].filter((id) => !documentIds.has(id));
    await index.remove(dropped, release);
  }

  /** Another process has written a course; or the connection was gone, and anything may have been missed. */
  async #heard(payload: string): Promise<void> {
    const { log } = this.#parts;
    const [release = '', courseId = ''] = payload.split(' ');
    try {
      if (payload === '') return await this.#reload();
      if ((this.#courses.get(courseId)?.release ?? -1) >= Number(release)) return;
      const rows = await this.#parts.sql.query<DocumentRow>(
        'SELECT id, course_id, release, body FROM search_documents WHERE course_id = $1',
        [courseId],
      );
      await this.#applyRows(rows);
    } catch (error) {
      log.error('the search index missed a change', { error, courseId });
    }
  }

  /** Takes over every course that the table holds at another release than the index. */
  async #reload(): Promise<void> {
    const { sql } = this.#parts;
    const written = await sql.query<{ course_id: string; release: number }>(
      'SELECT course_id, release FROM indexed_courses ORDER BY course_id',
    );
    const news = written.filter((row) => this.#courses.get(row.course_id)?.release !== row.release);
    for (let at = 0; at < news.length; at += coursesPerRound) {
      const ids = news.slice(at, at + coursesPerRound).map((row) => row.course_id);
      await this.#applyRows(
        await sql.query<DocumentRow>(
          'SELECT id, course_id, release, body FROM search_documents WHERE course_id = ANY($1::text[])',
          [ids],
        ),
      );
    }
  }

  async #applyRows(rows: readonly DocumentRow[]): Promise<void> {
    const byCourse = Map.groupBy(rows, (row) => row.course_id);
    for (const [courseId, ofCourse] of byCourse) {
      await this.#apply(
        courseId,
        ofCourse[0]?.release ?? 0,
        ofCourse.map((row) => row.body),
      );
    }
  }
}

interface DocumentRow extends Record<string, unknown> {
  readonly id: string;
  readonly course_id: string;
  readonly release: number;
  readonly body: SearchDocument;
}

async function enqueue(tx: SqlTransaction, courseId: string, release: number, nowMs: number): Promise<void> {
  await tx.execute(
    `INSERT INTO index_queue (course_id, release, due_at) VALUES ($1, $2, $3)
     ON CONFLICT (course_id) DO UPDATE
     SET release = GREATEST(index_queue.release, EXCLUDED.release), due_at = EXCLUDED.due_at, tries = 0`,
    [courseId, release, new Date(nowMs)],
  );
}
