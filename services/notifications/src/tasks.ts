/**
 * From the fact to the person: a queue of what is still to be told.
 *
 * The event's handler only writes tasks, one for each way of telling. A loop takes them up after the commit, asks other
 * services what the text needs (never inside a transaction), and then in one transaction deletes the task and writes what
 * it told: told twice is impossible, told late when something is down. Each way waits for itself, so a receipt is in the
 * app at once also while identity, which knows the address, is away.
 */
import { fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import type { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { IdentityService, User } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import type { MailQueue } from '@suuupra/platform/mail/mail-queue';
import { type Client, isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import { backOffMs } from '@suuupra/platform/stream/bell';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { addNotification } from './feeds.ts';
import { letterText } from './letter.ts';
import { type CourseName, unknownCourse } from './notice.ts';
import { type Plan, planOf } from './plan.ts';

export interface TaskParts {
  readonly sql: Sql;
  readonly world: World;
  readonly telemetry: Telemetry;
  readonly mails: Pick<MailQueue, 'enqueue'>;
  readonly identity: Pick<Client<typeof IdentityService>, 'getUsers'>;
  readonly content: Pick<Client<typeof ContentService>, 'getRelease'>;
  readonly publicUrl: string;
  /** Called after the commit that gave this person a new notification. */
  readonly added: (userId: string) => void;
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

const batchMax = 10;
/** A claimed task is left to its process for this long: after a crash nothing waits longer. */
const leaseMs = 10_000;
const lookUpMsMax = 3_000;
const retryFirstMs = 1_000;
const retryMsMax = 10 * 60_000;
/** What could not be told for a week is no news any more: dropped, and logged as an error. */
const ageMsMax = 7 * 24 * 60 * 60 * 1_000;
/** Looks again after this time for what other processes have left. */
const idleMsMax = 5_000;

export function openTasks(parts: TaskParts): Tasks {
  const { world, telemetry } = parts;
  let loop: Loop | undefined;
  return {
    add: async (tx, plan, event, eventId) => {
      if (plan.reader(event) === '') return;
      const channels: Channel[] = plan.letter === undefined ? ['app'] : ['app', 'mail'];
      for (const channel of channels) await insertTask(tx, { world, plan, event, eventId, channel });
      tx.afterCommit(() => loop?.nudge());
    },
    start: () => {
      loop = startLoop({
        round: () => tellDue(parts),
        now: () => world.now(),
        idleMsMax,
        failed: (error) => telemetry.log.warn('notifications wait in their queue', { error }),
      });
    },
    stop: async () => loop?.stop(),
  };
}

async function insertTask(
  tx: SqlTransaction,
  task: { world: World; plan: Plan; event: Message; eventId: string; channel: Channel },
): Promise<void> {
  const { schema } = task.plan;
  await tx.execute(
    `INSERT INTO tasks (event_id, channel, type, data, created_at, due_at) VALUES ($1, $2, $3, $4, $5, $5)
     ON CONFLICT DO NOTHING`,
    [
      task.eventId,
      task.channel,
      schema.typeName,
      Buffer.from(toBinary(schema, task.event)),
      new Date(task.world.now()),
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
  for (const task of due.sort((a, b) => Number(a.id - b.id))) await tryToTell(parts, task);
  const [next] = await sql.query<{ due_at: Date | null }>('SELECT min(due_at) AS due_at FROM tasks');
  return next?.due_at?.getTime();
}

async function tryToTell(parts: TaskParts, task: Task): Promise<void> {
  const { sql, world, telemetry } = parts;
  const about = { event: task.event_id, type: task.type, channel: task.channel, tries: task.tries };
  try {
    await tell(parts, task);
    telemetry
      .counter('suuupra_notifications_told_total', 'Facts told, by type and channel', ['type', 'channel'])
      .inc({ type: task.type, channel: task.channel });
  } catch (error) {
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
}

interface Telling {
  readonly task: Task;
  readonly plan: Plan;
  readonly event: Message;
  readonly userId: string;
  readonly course: CourseName;
}

async function tell(parts: TaskParts, task: Task): Promise<void> {
  const plan = planOf(task.type);
  if (plan === undefined) throw new Error(`nothing is planned for ${task.type}`);
  const event = fromBinary(plan.schema, task.data);
  const telling = { task, plan, event, userId: plan.reader(event), course: await courseOf(parts, plan, event) };
  if (task.channel === 'app') await tellInApp(parts, telling);
  else await tellByMail(parts, telling);
}

async function tellInApp(parts: TaskParts, { task, plan, event, userId, course }: Telling): Promise<void> {
  const notice = plan.notice(event, course);
  await parts.sql.transaction(async (tx) => {
    if (!(await takeOff(tx, task))) return;
    await addNotification(tx, parts.world, userId, notice);
    tx.afterCommit(() => parts.added(userId));
  });
}

async function tellByMail(parts: TaskParts, { task, plan, event, userId, course }: Telling): Promise<void> {
  const letter = plan.letter?.(event, course);
  const address = plan.address?.(event);
  const user =
    address === undefined ? await userOf(parts, userId) : { email: address, displayName: '', emailVerified: false };
  await parts.sql.transaction(async (tx) => {
    // Nobody by that id any more, or a fact that is no longer told by mail: there is nobody to write to.
    if (!(await takeOff(tx, task)) || letter === undefined || user === undefined) return;
    const name = user.emailVerified ? user.displayName : '';
    await parts.mails.enqueue(tx, {
      id: `mail_${task.event_id}`,
      to: user.email,
      subject: letter.subject,
      text: letterText(letter, { name, publicUrl: parts.publicUrl }),
    });
  });
}

/** False when another process, after the lease, has told it already. */
async function takeOff(tx: SqlTransaction, task: Task): Promise<boolean> {
  return (await tx.execute('DELETE FROM tasks WHERE id = $1', [task.id])) === 1;
}

/** Throws when content does not answer; a course that content does not know is told of without its title. */
async function courseOf(parts: TaskParts, plan: Plan, event: Message): Promise<CourseName> {
  const wanted = plan.course?.(event);
  if (wanted === undefined) return unknownCourse;
  const answer = await parts.content.getRelease(wanted, { timeoutMs: lookUpMsMax });
  if (!isRefusal(answer)) return answer.course ?? unknownCourse;
  if (answer.code === 'not_found') return unknownCourse;
  throw new Error(`content refused to name a course: ${answer.code}`);
}

async function userOf(parts: TaskParts, userId: string): Promise<User | undefined> {
  const answer = await parts.identity.getUsers({ ids: [userId] }, { timeoutMs: lookUpMsMax });
  if (isRefusal(answer)) throw new Error(`identity refused an address: ${answer.code}`);
  return answer.users.find((user) => user.id === userId);
}
