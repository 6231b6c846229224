/** Plans: courses offered as a subscription, by finance or by who teaches them. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Offer } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import {
  type CreatePlanRequest,
  type CreatePlanResponseSchema,
  type GetPlanRequest,
  type GetPlanResponseSchema,
  type ListPlansRequest,
  type ListPlansResponseSchema,
  PlanInterval,
  type PlanSchema,
  type RetirePlanRequest,
  type RetirePlanResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/subscriptions_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlRow } from '@suuupra/platform/sql/sql';
import { type AccessSurroundings, type Answer, isTheirs, notFound, signedIn } from './access-parts.ts';
import { isFinance } from './caller.ts';
import { isTimeZone } from './period.ts';
import { jsonOf, withAmounts } from './stored-event.ts';
import type { CoveredCourse, PlanTerms } from './subscription.ts';

export interface PlanRow extends SqlRow {
  id: string;
  owner_id: string;
  terms: unknown;
  retired: boolean;
  created_at: Date;
}

export async function createPlan(
  surroundings: AccessSurroundings,
  request: CreatePlanRequest,
  context: CallContext,
): Answer<typeof CreatePlanResponseSchema> {
  const refused = refusePlan(request);
  if (refused !== undefined) return refused;
  const { sql, world } = surroundings;
  const courses = await coursesOfPlan(surroundings, request, context);
  if (isRefusal(courses)) return courses;
  const id = world.id('pln');
  const terms: PlanTerms = {
    planId: id,
    title: request.title,
    currency: request.price?.currency ?? '',
    priceMinor: request.price?.amountMinor ?? 0n,
    interval: { unit: request.interval === PlanInterval.YEAR ? 'year' : 'month', count: request.intervalCount || 1 },
    timeZone: request.timeZone || 'UTC',
    trialDays: request.trialDays,
    courses,
  };
  const [row] = await sql.query<PlanRow>(
    `INSERT INTO plans (id, owner_id, terms, course_ids, created_at) VALUES ($1, $2, $3::text::jsonb, $4, $5)
     RETURNING *`,
    [id, signedIn(context), jsonOf(terms), courses.map((course) => course.courseId), new Date(world.now())],
  );
  if (row === undefined) throw new Error('a plan was not written');
  return { plan: planMessage(row) };
}

function refusePlan(request: CreatePlanRequest): Refusal | undefined {
  const price = request.price?.amountMinor ?? 0n;
  if (price <= 0n || !/^[A-Z]{3}$/.test(request.price?.currency ?? ''))
    return refuse('amount_invalid', 'A plan has a price above zero in one currency.', [
      { field: 'price', code: 'out_of_range', detail: 'above zero' },
    ]);
  if (request.timeZone !== '' && !isTimeZone(request.timeZone))
    return refuse('invalid_request', 'There is no such time zone.', [
      { field: 'timeZone', code: 'not_allowed', detail: 'an IANA name, e.g. Asia/Kolkata' },
    ]);
  const ids = request.courses.map((course) => course.courseId);
  const twice = ids.findIndex((id, index) => ids.indexOf(id) !== index);
  return twice < 0
    ? undefined
    : refuse('invalid_request', 'A course is in a plan once.', [
        { field: `courses[${twice}].courseId`, code: 'not_allowed', detail: 'is named twice' },
      ]);
}

async function coursesOfPlan(
  { clients }: AccessSurroundings,
  request: CreatePlanRequest,
  context: CallContext,
): Promise<readonly CoveredCourse[] | Refusal> {
  const answer = await clients.content.getOffers(
    { courseIds: request.courses.map((each) => each.courseId) },
    { context },
  );
  if (isRefusal(answer)) return answer;
  const offers = new Map(answer.offers.map((offer) => [offer.courseId, offer]));
  const gone = request.courses.flatMap(({ courseId }, index) =>
    offers.has(courseId)
      ? []
      : [{ field: `courses[${index}].courseId`, code: 'not_allowed', detail: 'is not on sale' }],
  );
  if (gone.length > 0) return refuse('course_not_available', 'A course of this plan is not on sale.', gone);
  const courses = request.courses.flatMap(({ courseId, weight }) => {
    const offer = offers.get(courseId);
    return offer === undefined ? [] : [covered(offer, weight)];
  });
  if (!isFinance(context) && courses.some((course) => course.instructorId !== signedIn(context)))
    return refuse('permission_denied', 'You can offer your own courses; plans over others are made by finance.');
  return courses;
}

function covered(offer: Offer, weight: number): CoveredCourse {
  const { courseId, slug, title, instructorId, release } = offer;
  return { courseId, slug, title, instructorId, release, weight };
}

/** The terms with the courses as they are released now; a course that is not on sale any more stays as it was. */
export async function termsNow(
  { clients }: Pick<AccessSurroundings, 'clients'>,
  terms: PlanTerms,
  context: CallContext,
): Promise<PlanTerms | Refusal> {
  const answer = await clients.content.getOffers(
    { courseIds: terms.courses.map((each) => each.courseId) },
    { context },
  );
  if (isRefusal(answer)) return answer;
  const offers = new Map(answer.offers.map((offer) => [offer.courseId, offer]));
  const courses = terms.courses.map((course) => {
    const offer = offers.get(course.courseId);
    return offer === undefined ? course : covered(offer, course.weight);
  });
  return { ...terms, courses };
}

export async function retirePlan(
  { sql }: AccessSurroundings,
  request: RetirePlanRequest,
  context: CallContext,
): Answer<typeof RetirePlanResponseSchema> {
  const row = await findPlan(sql, request.id);
  if (row === undefined || !isTheirs(context, row.owner_id)) return notFound('plan');
  await sql.execute('UPDATE plans SET retired = true WHERE id = $1', [row.id]);
  return { plan: planMessage({ ...row, retired: true }) };
}

export async function getPlan(
  { sql }: AccessSurroundings,
  request: GetPlanRequest,
): Answer<typeof GetPlanResponseSchema> {
  const row = await findPlan(sql, request.id);
  return row === undefined ? notFound('plan') : { plan: planMessage(row) };
}

export async function listPlans(
  { sql }: AccessSurroundings,
  request: ListPlansRequest,
): Answer<typeof ListPlansResponseSchema> {
  const page = readPage(request, ['time', 'text'], [request.courseId]);
  if (isRefusal(page)) return page;
  const [time = null, id = ''] = page.after;
  const rows = await sql.query<PlanRow>(
    `SELECT * FROM plans WHERE NOT retired AND ($1 = '' OR course_ids @> ARRAY[$1])
       AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [request.courseId, time, id, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    plans: shown.map(planMessage),
    nextPageToken: isMore ? pageToken([last.created_at.toISOString(), last.id], page.filter) : '',
  };
}

export async function findPlan(executor: SqlExecutor, planId: string): Promise<PlanRow | undefined> {
  const [row] = await executor.query<PlanRow>('SELECT * FROM plans WHERE id = $1', [planId]);
  return row;
}

export function termsOf(row: Pick<PlanRow, 'terms'>): PlanTerms {
  return withAmounts(row.terms) as PlanTerms;
}

function planMessage(row: PlanRow): MessageInitShape<typeof PlanSchema> {
  return { ...termsMessage(termsOf(row)), retired: row.retired, createdAt: timestampFromDate(row.created_at) };
}

export function termsMessage(terms: PlanTerms): MessageInitShape<typeof PlanSchema> {
  return {
    id: terms.planId,
    title: terms.title,
    price: { currency: terms.currency, amountMinor: terms.priceMinor },
    interval: terms.interval.unit === 'year' ? PlanInterval.YEAR : PlanInterval.MONTH,
    intervalCount: terms.interval.count,
    trialDays: terms.trialDays,
    courses: terms.courses.map(({ courseId, title, slug, weight }) => ({ courseId, title, slug, weight })),
    timeZone: terms.timeZone,
  };
}
