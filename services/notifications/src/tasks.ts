/**
 * From the fact to the person: a queue of what is still to be told.
 *
 * The event's handler only writes tasks, one for each way of telling. A loop takes them up after the commit, many at once,
 * asks other services what their texts need (never inside a transaction), and then in one transaction deletes the tasks
 * and writes what it told: told twice is impossible, told late when something is down. Each way waits for itself, so a
 * receipt is in the app at once also while identity, which knows the address, is away.
 */
import { fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import type { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { IdentityService, User } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import type { MailMessage } from '@suuupra/platform/mail/mail';
import type { MailQueue } from '@suuupra/platform/mail/mail-queue';
import { type Client, isRefusal } from '@suuupra/platform/rpc/rpc';
import { retrying, type Sql, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { backOffMs } from '@suuupra/platform/stream/bell';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { addNotifications } from './feeds.ts';
import { letterText } from './letter.ts';
import { type CourseName, type Notice, unknownCourse } from './notice.ts';
import { type Plan, planOf } from './plan.ts';

export interface TaskParts {
  readonly sql: Sql;
  readonly world: World;
  readonly telemetry: Telemetry;
  readonly mails: Pick<MailQueue, 'enqueueAll'>;
  readonly identity: Pick<Client<typeof IdentityService>, 'getUsers'>;
  readonly content: Pick<Client<typeof ContentService>, 'getRelease'>;
  readonly publicUrl: string;
  /** Called after the commit that gave these people new notifications. */
  readonly added: (userIds: readonly string[]) => void;
}

export interface Tasks {
  /** Adds what is to be told of the event to the transaction that applies it; the same event twice is told once. */
  add(tx: SqlTransaction, plan: Plan, event: Message, eventId: string): Promise<void>;
  start(): void;
  /** Finishes the batch under way. */
  stop(): Promise<void>;
}

type Channel = 'app' | 'mail';

interface Task extends Record<string, unknown> {
  id: bigint;
  event_id: string;
  channel: Channel;
  type: string;
  data: Buffer;
  created_at: Date;
  tries: number;
}

/** At most as many people as identity and as many courses as content are asked for at once. */
const batchMax = 50;
/** A claimed task is left to its process for this long: after a crash nothing waits longer. Look-ups run side by side. */
const leaseMs = 10_000;
const lookUpMsMax = 3_000;
const retryFirstMs = 1_000;
const retryMsMax = 10 * 60_000;
/** What could not be told for a week is no news any more: dropped, and logged as an error. */
const ageMsMax = 7 * 24 * 60 * 60 * 1_000;
/** Looks again after this time for what other processes have left. */
const idleMsMax = 5_000;
/** What is heard in this time is told together. */
const everyMsMin = 100;

export function openTasks(parts: TaskParts): Tasks {
  const { world, telemetry } = parts;
  const added = new WeakMap<SqlTransaction, NewTask[]>();
  let loop: Loop | undefined;
  return {
    add: async (tx, plan, event, eventId) => {
      if (plan.reader(event) === '') return;
      const about = { eventId, type: plan.schema.typeName, data: Buffer.from(toBinary(plan.schema, event)) };
      const channels: Channel[] = plan.letter === undefined ? ['app'] : ['app', 'mail'];
      const fresh = channels.map((channel) => ({ ...about, channel, at: new Date(world.now()) }));
      const earlier = added.get(tx);
      if (earlier !== undefined) {
        earlier.push(...fresh);
        return;
      }
      added.set(tx, fresh);
      tx.beforeCommit(() => insertTasks(tx, fresh));
      tx.afterCommit(() => loop?.nudge());
    },
    start: () => {
      loop = startLoop({
        round: () => tellDue(parts),
        now: () => world.now(),
        idleMsMax,
        everyMsMin,
        failed: (error) => telemetry.log.warn('notifications wait in their queue', { error }),
      });
    },
    stop: async () => loop?.stop(),
  };
}

interface NewTask {
  readonly eventId: string;
  readonly channel: Channel;
  readonly type: string;
  readonly data: Buffer;
  readonly at: Date;
}

/** All tasks of a transaction in one statement; their ids follow the order of the facts. */
async function insertTasks(tx: SqlTransaction, tasks: readonly NewTask[]): Promise<void> {
  await tx.execute(
    `INSERT INTO tasks (event_id, channel, type, data, created_at, due_at)
     SELECT event_id, channel, type, data, at, at
     FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[])
       WITH ORDINALITY AS task (event_id, channel, type, data, at, place)
     ORDER BY place
     ON CONFLICT DO NOTHING`,
    [
      tasks.map((task) => task.eventId),
      tasks.map((task) => task.channel),
      tasks.map((task) => task.type),
      tasks.map((task) => task.data),
      tasks.map((task) => task.at),
    ],
  );
}

/** Works on what is due; gives the time when more is. */
async function tellDue(parts: TaskParts): Promise<number | undefined> {
  const { sql, world } = parts;
  const nowMs = world.now();
  const due = await sql.query<Task>(
    `UPDATE tasks SET due_at = $1, tries = tries + 1
     WHERE id IN (SELECT id FROM tasks WHERE due_at <= $2 ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING id, event_id, channel, type, data, created_at, tries`,
    [new Date(nowMs + leaseMs), new Date(nowMs), batchMax],
  );
  due.sort((a, b) => Number(a.id - b.id));
  const ways = [due.filter((task) => task.channel === 'app'), due.filter((task) => task.channel === 'mail')];
  await Promise.all(ways.map((tasks) => tellTogether(parts, tasks)));
  const [next] = await sql.query<{ due_at: Date | null }>('SELECT min(due_at) AS due_at FROM tasks');
  return next?.due_at?.getTime();
}

/** Tells what can be told in one transaction. What cannot be told keeps nothing else from being told. */
async function tellTogether(parts: TaskParts, tasks: readonly Task[]): Promise<void> {
  const lookUp = lookUps(parts, tasks);
  const prepared = await Promise.all(
    tasks.map((task) =>
      prepare(parts, task, lookUp).catch(async (error: unknown) => {
        await putOff(parts, task, error);
        return undefined;
      }),
    ),
  );
  const ready = prepared.filter((one) => one !== undefined);
  if (ready.length === 0) return;
  try {
    await tell(parts, ready);
  } catch (error) {
    parts.telemetry.log.warn('notifications could not be told together and are told one by one', { error });
    for (const one of ready) await tell(parts, [one]).catch((failure: unknown) => putOff(parts, one.task, failure));
  }
}

async function putOff({ sql, world, telemetry }: TaskParts, task: Task, error: unknown): Promise<void> {
  const about = { event: task.event_id, type: task.type, channel: task.channel, tries: task.tries };
  const nowMs = world.now();
  if (nowMs - task.created_at.getTime() > ageMsMax) {
    telemetry.log.error('a notification could not be told for a week and is dropped', { ...about, error });
    await sql.execute('DELETE FROM tasks WHERE id = $1', [task.id]);
    return;
  }
  telemetry.log.warn('a notification could not be told and is tried again', { ...about, error });
  const pauseMs = backOffMs(task.tries, retryFirstMs, retryMsMax, () => world.random());
  await sql.execute('UPDATE tasks SET due_at = $2 WHERE id = $1', [task.id, new Date(nowMs + pauseMs)]);
}

/** What a task comes to: a notification, a mail, or nothing when there is nobody to write to. */
interface Prepared {
  readonly task: Task;
  readonly userId: string;
  readonly notice?: Notice;
  readonly mail?: MailMessage;
}

async function prepare(parts: TaskParts, task: Task, lookUp: LookUps): Promise<Prepared> {
  const plan = planOf(task.type);
  if (plan === undefined) throw new Error(`nothing is planned for ${task.type}`);
  const event = fromBinary(plan.schema, task.data);
  const userId = plan.reader(event);
  const course = await lookUp.course(plan, event);
  if (task.channel === 'app') return { task, userId, notice: plan.notice(event, course) };
  const letter = plan.letter?.(event, course);
  const address = plan.address?.(event);
  const user =
    address === undefined ? await lookUp.user(userId) : { email: address, displayName: '', emailVerified: false };
  // Nobody by that id any more, or a fact that is no longer told by mail.
  if (letter === undefined || user === undefined) return { task, userId };
  const name = user.emailVerified ? user.displayName : '';
  const text = letterText(letter, { name, publicUrl: parts.publicUrl });
  return { task, userId, mail: { id: `mail_${task.event_id}`, to: user.email, subject: letter.subject, text } };
}

async function tell(parts: TaskParts, prepared: readonly Prepared[]): Promise<void> {
  const told = await retrying(() =>
    parts.sql.transaction(async (tx) => {
      const mine = await takeOff(tx, prepared);
      const notices = mine.flatMap(({ userId, notice }) => (notice === undefined ? [] : [{ userId, notice }]));
      await addNotifications(tx, parts.world, notices);
      await parts.mails.enqueueAll(
        tx,
        mine.flatMap(({ mail }) => mail ?? []),
      );
      if (notices.length > 0) tx.afterCommit(() => parts.added([...new Set(notices.map(({ userId }) => userId))]));
      return mine;
    }),
  );
  const counter = parts.telemetry.counter('suuupra_notifications_told_total', 'Facts told, by type and channel', [
    'type',
    'channel',
  ]);
  for (const { task } of told) counter.inc({ type: task.type, channel: task.channel });
}

/** Without those that another process, after the lease, has told already. */
async function takeOff(tx: SqlTransaction, prepared: readonly Prepared[]): Promise<Prepared[]> {
  const ids = prepared.map(({ task }) => task.id);
  const rows = await tx.query<{ id: bigint }>('DELETE FROM tasks WHERE id = ANY ($1::bigint[]) RETURNING id', [ids]);
  const taken = new Set(rows.map((row) => row.id));
  return prepared.filter(({ task }) => taken.has(task.id));
}

interface LookUps {
  course(plan: Plan, event: Message): Promise<CourseName>;
  user(userId: string): Promise<User | undefined>;
}

/** Asks for each course once and for all people at once, whatever the number of tasks that need them. */
function lookUps(parts: TaskParts, tasks: readonly Task[]): LookUps {
  const courses = new Map<string, Promise<CourseName>>();
  let users: Promise<ReadonlyMap<string, User>> | undefined;
  return {
    course: (plan, event) => {
      const wanted = plan.course?.(event);
      if (wanted === undefined) return Promise.resolve(unknownCourse);
      const key = `${wanted.courseId} ${wanted.release}`;
      const asked = courses.get(key) ?? courseOf(parts, wanted);
      courses.set(key, asked);
      return asked;
    },
    user: async (userId) => {
      users ??= usersOf(parts, tasks.map(readerOf));
      return (await users).get(userId);
    },
  };
}

/** Throws when content does not answer; a course that content does not know is told of without its title. */
async function courseOf(
  parts: TaskParts,
  wanted: { readonly courseId: string; readonly release: number },
): Promise<CourseName> {
  const answer = await parts.content.getRelease(wanted, { timeoutMs: lookUpMsMax });
  if (!isRefusal(answer)) return answer.course ?? unknownCourse;
  if (answer.code === 'not_found') return unknownCourse;
  throw new Error(`content refused to name a course: ${answer.code}`);
}

/** Who has to be looked up for the task; '' when nobody. */
function readerOf(task: Task): string {
  const plan = planOf(task.type);
  if (plan === undefined) return '';
  const event = fromBinary(plan.schema, task.data);
  return plan.address?.(event) === undefined ? plan.reader(event) : '';
}

async function usersOf(parts: TaskParts, userIds: readonly string[]): Promise<ReadonlyMap<string, User>> {
  const ids = [...new Set(userIds.filter((id) => id !== ''))];
  const answer = await parts.identity.getUsers({ ids }, { timeoutMs: lookUpMsMax });
  if (isRefusal(answer)) throw new Error(`identity refused an address: ${answer.code}`);
  return new Map(answer.users.map((user) => [user.id, user]));
}
