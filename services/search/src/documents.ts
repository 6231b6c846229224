/**
 * Keeps the index equal to what is released: an event marks the course, a worker outside the transaction fetches the
 * release and puts its documents into the database and the index. Everything here can be thrown away and rebuilt.
 */
import type { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { type Client, isRefusal } from '@suuupra/platform/rpc/rpc';
import type { SearchIndex } from '@suuupra/platform/search/search';
import type { Sql, SqlExecutor } from '@suuupra/platform/sql/sql';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { documentsOf, type SearchedDocument } from './document.ts';

export interface IndexParts {
  readonly sql: Sql;
  readonly index: SearchIndex;
  readonly content: Pick<Client<typeof ContentService>, 'getRelease' | 'listReleasedCourses'>;
  readonly world: World;
  readonly telemetry: Telemetry;
}

const batchMax = 20;
const leaseMs = 30_000;
const retryMsMax = 10 * 60_000;
const loadedAtOnceMax = 1_000;
const listedAtOnce = 100;

/** Part of the transaction that applies the event. */
export async function markCourse(tx: SqlExecutor, courseId: string, atMs: number): Promise<void> {
  await tx.execute(
    `INSERT INTO index_queue (course_id, due_at) VALUES ($1, $2)
     ON CONFLICT (course_id) DO UPDATE SET due_at = EXCLUDED.due_at, tries = 0`,
    [courseId, new Date(atMs)],
  );
}

/** Indexes the courses that are due; tells when the next is. */
export async function indexDue(parts: IndexParts): Promise<number | undefined> {
  const { sql, world, telemetry } = parts;
  const due = await sql.query<{ course_id: string; due_at: Date; tries: number }>(
    `UPDATE index_queue SET due_at = $2, tries = tries + 1 WHERE course_id IN
       (SELECT course_id FROM index_queue WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING course_id, due_at, tries`,
    [new Date(world.now()), new Date(world.now() + leaseMs), batchMax],
  );
  for (const { course_id: courseId, due_at: claimedUntil, tries } of due) {
    try {
      await indexCourse(parts, courseId);
      // An event that came meanwhile has set another time: then the course stays marked.
      await sql.execute('DELETE FROM index_queue WHERE course_id = $1 AND due_at = $2', [courseId, claimedUntil]);
    } catch (error) {
      telemetry.log.warn('a course could not be indexed yet', { courseId, tries, error });
      const pauseMs = Math.min(retryMsMax, 500 * 2 ** tries);
      await sql.execute('UPDATE index_queue SET due_at = $2 WHERE course_id = $1', [
        courseId,
        new Date(world.now() + pauseMs),
      ]);
    }
  }
  const [next] = await sql.query<{ due_at: Date | null }>('SELECT min(due_at) AS due_at FROM index_queue');
  return next?.due_at?.getTime();
}

async function indexCourse({ sql, index, content }: IndexParts, courseId: string): Promise<void> {
  const answer = await content.getRelease({ courseId, release: 0, withText: true });
  const documents = isRefusal(answer) ? [] : documentsOf(answer);
  const ids = documents.map((document) => document.id);
  const version = isRefusal(answer) ? Number.MAX_SAFE_INTEGER : answer.release;
  const gone = await sql.transaction(async (tx) => {
    const dropped = await tx.query<{ id: string }>(
      'DELETE FROM search_documents WHERE course_id = $1 AND NOT (id = ANY ($2)) RETURNING id',
      [courseId, ids],
    );
    await tx.execute(
      `INSERT INTO search_documents (id, course_id, version, document)
       SELECT id, $1, version, document::jsonb FROM unnest($2::text[], $3::int[], $4::text[]) AS d (id, version, document)
       ON CONFLICT (id) DO UPDATE SET version = EXCLUDED.version, document = EXCLUDED.document, course_id = EXCLUDED.course_id
       WHERE search_documents.version <= EXCLUDED.version`,
      [
        courseId,
        ids,
        documents.map((document) => document.version),
        documents.map((document) => JSON.stringify(document)),
      ],
    );
    return dropped.map((row) => row.id);
  });
  await index.remove(gone, version - 1);
  await index.put(documents);
}

/** Fills the index in memory from the database; an empty database marks every released course for indexing. */
export async function fillIndex(parts: IndexParts): Promise<void> {
  let after = '';
  let count = 0;
  for (;;) {
    const rows = await parts.sql.query<{ id: string; document: SearchedDocument }>(
      'SELECT id, document FROM search_documents WHERE id > $1 ORDER BY id LIMIT $2',
      [after, loadedAtOnceMax],
    );
    await parts.index.put(rows.map((row) => row.document));
    count += rows.length;
    const last = rows.at(-1);
    if (last === undefined || rows.length < loadedAtOnceMax) break;
    after = last.id;
  }
  if (count === 0) await markEverything(parts);
}

async function markEverything({ sql, content, world }: IndexParts): Promise<void> {
  let token = '';
  do {
    const page = await content.listReleasedCourses({ pageSize: listedAtOnce, pageToken: token });
    if (isRefusal(page)) throw new Error(`content does not list its releases: ${page.code}`);
    for (const courseId of page.courseIds) await markCourse(sql, courseId, world.now());
    token = page.nextPageToken;
  } while (token !== '');
}
