/** What finance does with breaks: own, note, write off by two people, match by hand. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import * as proto from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { beginIdempotent, finishIdempotent, idempotencyScope } from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { placedBookings } from './booking.ts';
import { writeBookings } from './bookings.ts';
import { addEvent, type Step } from './breaks.ts';
import type { Desk } from './desk.ts';
import { applyMatch } from './placing.ts';
import {
  type BreakRow,
  breakView,
  type ExpectationViewRow,
  expectationView,
  expectationViewColumns,
  type LineViewRow,
  lineView,
  lineViewColumns,
} from './views.ts';

/** A break with more history than that is spoken of elsewhere. */
const eventsMax = 200;
const dayMs = 24 * 60 * 60 * 1_000;

type BreakAnswer = { readonly break: MessageInitShape<typeof proto.ReconciliationBreakSchema> };

interface Asked<I extends DescMessage, O extends DescMessage> {
  readonly method: string;
  readonly input: I;
  readonly request: MessageShape<I>;
  readonly output: O;
  readonly context: CallContext;
}

/** Runs once for each Idempotency-Key; all in one transaction, so a key is answered or free. */
async function once<I extends DescMessage, O extends DescMessage>(
  desk: Desk,
  asked: Asked<I, O>,
  work: (tx: SqlTransaction, step: Omit<Step, 'note'>) => Promise<MessageInitShape<O> | Refusal>,
): Promise<MessageShape<O> | Refusal> {
  const { method, input, request, output, context } = asked;
  const scope = idempotencyScope(context);
  const call = { scope, method, key: context.idempotencyKey, input, request, output, claimant: 'one-transaction' };
  return refusableTransaction(desk.sql, async (tx) => {
    const claim = await beginIdempotent(tx, call);
    if (claim.kind === 'refused') return claim.refusal;
    if (claim.kind === 'answered') {
      context.answer.idempotentReplayed = true;
      return claim.answer;
    }
    const done = await work(tx, { atMs: desk.world.now(), actor: actorOf(context) });
    if (isRefusal(done)) return done;
    const answer = create(output, done);
    await finishIdempotent(tx, call, answer);
    tx.afterCommit(() => desk.nudgeBooking());
    return answer;
  });
}

export function actorOf({ principal }: CallContext): string {
  return principal.kind === 'user' ? principal.userId : principal.kind;
}

async function lockBreak(tx: SqlTransaction, id: string): Promise<BreakRow | Refusal> {
  const [row] = await tx.query<BreakRow>('SELECT * FROM breaks WHERE id = $1 FOR UPDATE', [id]);
  return row ?? refuse('not_found', 'There is no break of this id.');
}

async function lockOpenBreak(tx: SqlTransaction, id: string): Promise<BreakRow | Refusal> {
  const row = await lockBreak(tx, id);
  if (isRefusal(row) || row.closed_at === null) return row;
  return refuse('break_closed', `The break is ${row.status === 'matched' ? 'matched' : 'written off'}.`);
}

async function answerWith(tx: SqlTransaction, id: string, atMs: number): Promise<BreakAnswer> {
  return { break: (await breakView(tx, id, atMs)) ?? {} };
}

export async function assignBreak(
  desk: Desk,
  { id, ownerId }: proto.AssignBreakRequest,
  context: CallContext,
): Promise<BreakAnswer | Refusal> {
  return refusableTransaction(desk.sql, async (tx) => {
    const row = await lockOpenBreak(tx, id);
    if (isRefusal(row)) return row;
    const atMs = desk.world.now();
    if (row.owner_id !== ownerId) {
      await tx.execute('UPDATE breaks SET owner_id = $2 WHERE id = $1', [id, ownerId]);
      await addEvent(tx, id, 'assigned', { atMs, actor: actorOf(context), note: ownerId });
    }
    return answerWith(tx, id, atMs);
  });
}

export function addBreakNote(desk: Desk, request: proto.AddBreakNoteRequest, context: CallContext) {
  const asked = {
    method: 'AddBreakNote',
    input: proto.AddBreakNoteRequestSchema,
    output: proto.AddBreakNoteResponseSchema,
    request,
    context,
  };
  return once(desk, asked, async (tx, step) => {
    const row = await lockBreak(tx, request.id);
    if (isRefusal(row)) return row;
    const [count] = await tx.query<{ events: bigint }>(
      'SELECT count(*) AS events FROM break_events WHERE break_id = $1',
      [row.id],
    );
    if ((count?.events ?? 0n) >= eventsMax) return refuse('limit_reached', `A break has at most ${eventsMax} events.`);
    await addEvent(tx, row.id, 'noted', { ...step, note: request.note });
    return answerWith(tx, row.id, step.atMs);
  });
}

export function requestWriteOff(desk: Desk, request: proto.RequestWriteOffRequest, context: CallContext) {
  const asked = {
    method: 'RequestWriteOff',
    input: proto.RequestWriteOffRequestSchema,
    output: proto.RequestWriteOffResponseSchema,
    request,
    context,
  };
  return once(desk, asked, async (tx, step) => {
    const row = await lockOpenBreak(tx, request.id);
    if (isRefusal(row)) return row;
    if (row.status === 'write_off_requested') return refuse('already_decided', 'A write-off is already asked for.');
    await tx.execute("UPDATE breaks SET status = 'write_off_requested', write_off_requested_by = $2 WHERE id = $1", [
      row.id,
      step.actor,
    ]);
    await addEvent(tx, row.id, 'write_off_requested', { ...step, note: request.note });
    return answerWith(tx, row.id, step.atMs);
  });
}

export function rejectWriteOff(desk: Desk, request: proto.RejectWriteOffRequest, context: CallContext) {
  const asked = {
    method: 'RejectWriteOff',
    input: proto.RejectWriteOffRequestSchema,
    output: proto.RejectWriteOffResponseSchema,
    request,
    context,
  };
  return once(desk, asked, async (tx, step) => {
    const row = await lockOpenBreak(tx, request.id);
    if (isRefusal(row)) return row;
    if (row.status !== 'write_off_requested') return refuse('already_decided', 'Nobody has asked for a write-off.');
    await tx.execute("UPDATE breaks SET status = 'open', write_off_requested_by = '' WHERE id = $1", [row.id]);
    await addEvent(tx, row.id, 'write_off_rejected', { ...step, note: request.note });
    return answerWith(tx, row.id, step.atMs);
  });
}

/** Somebody else than who asked. The journals of it are written with the decision. */
export function approveWriteOff(desk: Desk, request: proto.ApproveWriteOffRequest, context: CallContext) {
  const asked = {
    method: 'ApproveWriteOff',
    input: proto.ApproveWriteOffRequestSchema,
    output: proto.ApproveWriteOffResponseSchema,
    request,
    context,
  };
  return once(desk, asked, async (tx, step) => {
    const row = await lockOpenBreak(tx, request.id);
    if (isRefusal(row)) return row;
    if (row.status !== 'write_off_requested') return refuse('already_decided', 'Nobody has asked for a write-off.');
    if (row.write_off_requested_by === step.actor)
      return refuse('second_person_required', 'Who asked for a write-off does not approve it.');
    await tx.execute(
      "UPDATE breaks SET status = 'written_off', write_off_approved_by = $2, closed_at = $3 WHERE id = $1",
      [...[row.id, step.actor, new Date(step.atMs)]],
    );
    await addEvent(tx, row.id, 'written_off', { ...step, note: request.note });
    await bookWriteOff(tx, row, step.atMs);
    return answerWith(tx, row.id, step.atMs);
  });
}

async function bookWriteOff(tx: SqlTransaction, row: BreakRow, atMs: number): Promise<void> {
  const lines = await tx.query<LineViewRow>(`SELECT ${lineViewColumns} FROM file_lines WHERE break_id = $1`, [row.id]);
  const expectations = await tx.query<ExpectationViewRow>(
    `SELECT ${expectationViewColumns} FROM expectations WHERE break_id = $1`,
    [row.id],
  );
  const [times] = await tx.query<{ times: bigint }>(
    "SELECT count(*) AS times FROM break_events WHERE break_id = $1 AND what = 'written_off'",
    [row.id],
  );
  // A break may be written off, reopened and written off again: each time is its own journal.
  const of = { parts: [row.id, String(times?.times ?? 1n)], reference: `break:${row.id}`, atMs };
  const minor = <T extends LineViewRow | ExpectationViewRow>(each: T) => ({
    kind: each.kind,
    currency: each.currency,
    amountMinor: each.amount_minor,
  });
  const placed = { side: row.side, lines: lines.map(minor), expectations: expectations.map(minor) };
  await writeBookings(tx, placedBookings(placed, of), { breakId: row.id });
}

const manualRule = 'manual';

export function matchManually(desk: Desk, request: proto.MatchManuallyRequest, context: CallContext) {
  const asked = {
    method: 'MatchManually',
    input: proto.MatchManuallyRequestSchema,
    output: proto.MatchManuallyResponseSchema,
    request,
    context,
  };
  return once(desk, asked, async (tx, given) => {
    const step: Step = { ...given, note: request.note };
    const lines = await tx.query<LineViewRow>(
      `SELECT ${lineViewColumns} FROM file_lines WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
      [request.lineIds],
    );
    const expectations = await tx.query<ExpectationViewRow>(
      `SELECT ${expectationViewColumns} FROM expectations WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
      [request.expectationIds],
    );
    const refused = manualFault(request, lines, expectations);
    if (refused !== undefined) return refused;
    const matchId = await applyMatch(tx, {
      side: lines[0]?.side ?? 'bank',
      match: manualMatch(lines, expectations),
      step,
    });
    const now = async <T extends Record<string, unknown>>(columns: string, table: string) =>
      tx.query<T>(`SELECT ${columns} FROM ${table} WHERE match_id = $1 ORDER BY id`, [matchId]);
    return {
      matchId,
      lines: (await now<LineViewRow>(lineViewColumns, 'file_lines')).map(lineView),
      expectations: (await now<ExpectationViewRow>(expectationViewColumns, 'expectations')).map(expectationView),
    };
  });
}

function manualFault(
  request: proto.MatchManuallyRequest,
  lines: readonly LineViewRow[],
  expectations: readonly ExpectationViewRow[],
): Refusal | undefined {
  if (lines.length !== new Set(request.lineIds).size || expectations.length !== new Set(request.expectationIds).size)
    return refuse('not_found', 'One of the lines or expectations does not exist.');
  const all = [...lines, ...expectations];
  if (all.some((each) => each.match_id !== null))
    return refuse('already_matched', 'A line or expectation of these is matched.');
  if (lines.some((each) => each.break_id === null))
    return refuse('not_found', 'The file of a line is still processed.');
  const [first] = all;
  const isOne = all.every((each) => each.side === first?.side && each.currency === first.currency);
  const sum = (items: readonly { amount_minor: bigint }[]) =>
    items.reduce((total, each) => total + each.amount_minor, 0n);
  if (isOne && sum(lines) === sum(expectations)) return undefined;
  return refuse(
    'match_unbalanced',
    'Lines and expectations must be of one side and one currency, with equal sums; a difference is written off.',
  );
}

function manualMatch(lines: readonly LineViewRow[], expectations: readonly ExpectationViewRow[]) {
  const plain = <T extends LineViewRow | ExpectationViewRow>(each: T) => ({
    ...{
      id: each.id,
      kind: each.kind,
      currency: each.currency,
      amountMinor: each.amount_minor,
      feeMinor: 0n,
      keys: [],
    },
  });
  const dayOf = (date: string) => Math.floor(Date.parse(`${date}T00:00:00Z`) / dayMs);
  return {
    ruleId: manualRule,
    lines: lines.map((each) => ({ ...plain(each), day: dayOf(each.date), text: '' })),
    expectations: expectations.map((each) => ({ ...plain(each), day: Math.floor(each.expected_at.getTime() / dayMs) })),
    differenceMinor: 0n,
  };
}
