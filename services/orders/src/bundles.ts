/** Bundles: put together by finance or an instructor, sold until they are withdrawn. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type BundleSchema,
  type CreateBundleRequest,
  CreateBundleRequestSchema,
  CreateBundleResponseSchema,
  type GetBundleRequest,
  type GetBundleResponseSchema,
  type ListBundlesRequest,
  type ListBundlesResponseSchema,
  type WithdrawBundleRequest,
  type WithdrawBundleResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/bundles_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, hasRole, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlRow, SqlValue } from '@suuupra/platform/sql/sql';
import { once } from './access-parts.ts';
import type { BundleToSell } from './bundle.ts';
import type { OrdersSurroundings } from './change.ts';
import { refuseForeignCourses } from './coupons.ts';
import { jsonOf } from './stored-event.ts';

interface BundledCourse {
  readonly courseId: string;
  readonly title: string;
  readonly slug: string;
}

interface BundleRow extends SqlRow {
  id: string;
  title: string;
  summary: string;
  courses: BundledCourse[];
  price_minor: bigint;
  currency: string;
  created_by: string;
  created_at: Date;
  withdrawn: boolean;
}

const columns = 'id, title, summary, courses, price_minor, currency, created_by, created_at, withdrawn';

/** Those of the bundles that are on sale. */
export async function bundlesToSell(
  executor: SqlExecutor,
  ids: readonly string[],
): Promise<ReadonlyMap<string, BundleToSell>> {
  if (ids.length === 0) return new Map();
  const rows = await executor.query<BundleRow>(
    `SELECT ${columns} FROM bundles WHERE id = ANY ($1::text[]) AND NOT withdrawn`,
    [ids],
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        courseIds: row.courses.map((course) => course.courseId),
        currency: row.currency,
        priceMinor: row.price_minor,
      },
    ]),
  );
}

/** Refuses `course_not_available` for a course that is not on sale, or not the instructor's own; `mixed_currencies`. */
export async function createBundle(
  surroundings: OrdersSurroundings,
  request: CreateBundleRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof CreateBundleResponseSchema> | Refusal> {
  const { sql, world, clients } = surroundings;
  const by = context.principal.kind === 'user' ? context.principal.userId : '';
  const { currency = '', amountMinor = 0n } = request.price ?? {};
  if (amountMinor < 0n) return refuse('amount_invalid', 'A price is not below zero.');
  if (new Set(request.courseIds).size !== request.courseIds.length)
    return refuse('invalid_request', 'A course is in a bundle once.', [
      { field: 'courseIds', code: 'not_allowed', detail: 'names a course twice' },
    ]);
  const owner = hasRole(context.principal, 'finance') ? '' : by;
  const foreign = await refuseForeignCourses(surroundings, request.courseIds, owner, context);
  if (foreign !== undefined) return foreign;
  const answer = await clients.content.getOffers({ courseIds: request.courseIds }, { context });
  if (isRefusal(answer)) return answer;
  if (answer.offers.some((offer) => offer.price?.currency !== currency))
    return refuse('mixed_currencies', `A course of the bundle is not sold in ${currency}.`);
  const offers = new Map(answer.offers.map((offer) => [offer.courseId, offer]));
  const courses = request.courseIds.map((courseId) => ({
    courseId,
    title: offers.get(courseId)?.title ?? '',
    slug: offers.get(courseId)?.slug ?? '',
  }));
  const call = {
    method: 'CreateBundle',
    input: CreateBundleRequestSchema,
    request,
    output: CreateBundleResponseSchema,
    context,
  };
  return once({ sql, world }, call, async (tx) => {
    const [row] = await tx.query<BundleRow>(
      `INSERT INTO bundles (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false) RETURNING ${columns}`,
      [
        world.id('bun'),
        request.title,
        request.summary,
        jsonOf(courses),
        amountMinor,
        currency,
        by,
        new Date(world.now()),
      ],
    );
    if (row === undefined) throw new Error('an inserted bundle gave no row');
    return { bundle: bundleMessage(row) };
  });
}

export async function listBundles(
  { sql }: OrdersSurroundings,
  request: ListBundlesRequest,
): Promise<MessageInitShape<typeof ListBundlesResponseSchema> | Refusal> {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const [time, id] = page.after;
  const values: SqlValue[] = [page.limit + 1];
  const isLater = time !== undefined && id !== undefined;
  if (isLater) values.push(new Date(time), id);
  const rows = await sql.query<BundleRow>(
    `SELECT ${columns} FROM bundles WHERE NOT withdrawn ${isLater ? 'AND (created_at, id) < ($2, $3)' : ''}
     ORDER BY created_at DESC, id DESC LIMIT $1`,
    values,
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    bundles: shown.map(bundleMessage),
    nextPageToken:
      rows.length > page.limit && last !== undefined ? pageToken([last.created_at.toISOString(), last.id]) : '',
  };
}

export async function getBundle(
  { sql }: OrdersSurroundings,
  request: GetBundleRequest,
): Promise<MessageInitShape<typeof GetBundleResponseSchema> | Refusal> {
  const row = await findBundle(sql, request.id);
  return row === undefined ? notFound() : { bundle: bundleMessage(row) };
}

/** For who made it, and finance; to others it is not theirs to find. */
export async function withdrawBundle(
  { sql }: OrdersSurroundings,
  request: WithdrawBundleRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof WithdrawBundleResponseSchema> | Refusal> {
  const row = await findBundle(sql, request.id);
  const by = context.principal.kind === 'user' ? context.principal.userId : '';
  if (row === undefined || (row.created_by !== by && !hasRole(context.principal, 'finance'))) return notFound();
  await sql.execute('UPDATE bundles SET withdrawn = true WHERE id = $1', [row.id]);
  return { bundle: bundleMessage({ ...row, withdrawn: true }) };
}

async function findBundle(executor: SqlExecutor, id: string): Promise<BundleRow | undefined> {
  if (!/^[a-z0-9_]{1,64}$/.test(id)) return undefined;
  const [row] = await executor.query<BundleRow>(`SELECT ${columns} FROM bundles WHERE id = $1`, [id]);
  return row;
}

function notFound(): Refusal {
  return refuse('not_found', 'There is no such bundle.');
}

function bundleMessage(row: BundleRow): MessageInitShape<typeof BundleSchema> {
  return {
    id: row.id,
    title: row.title,
    summary: row.summary,
    courses: row.courses.map(({ courseId, title, slug }) => ({ courseId, title, slug })),
    price: { currency: row.currency, amountMinor: row.price_minor },
    withdrawn: row.withdrawn,
    createdAt: timestampFromDate(row.created_at),
  };
}
