/**
 * Who of a group's members reads which partition.
 *
 * Each process has one lock session: a lock by the process's own name says that it lives, a lock for each partition says
 * who reads it. The sorted names of the living members share the partitions out by turns, so all processes come to the
 * same answer without talking; the locks keep a partition from being read twice while they change their minds. When a
 * process dies its connection, and so every lock, is gone: the next look of the others finds it and takes over.
 */
import { randomUUID } from 'node:crypto';
import type { SqlLockSession } from '../../sql/sql.ts';
import { type Bell, coalesced, createBell } from '../bell.ts';
import type { ConsumeOptions, Consumer } from '../stream.ts';
import { headsOfLog, type Moved, pruneLog } from './log.ts';
import { type LoopParts, runPartition } from './partition-loop.ts';
import { keyText, type PartitionKey, partitionsOf } from './tables.ts';

/** How often a process with consumers looks at the members and the heads: two small statements each time. */
const lookMs = 1_000;
const pruneEveryMs = 3_600_000;
const channel = 'stream';
/** Stands in a notification for "look at the members". */
const membersChanged = '!';
/** A notification holds less than 8,000 bytes (PostgreSQL documentation, NOTIFY); beyond this only "look" is said. */
const payloadMax = 7_000;

export interface Members {
  /** Resolves when the free partitions are taken. Throws when this process already has a member of the group. */
  join(options: ConsumeOptions): Promise<Consumer>;
  /** Whether this process has a member of any group that reads the topic. */
  reads(topic: string): boolean;
  /** Tells the other processes, if there may be any, where partitions end now. Never throws. */
  announce(moved: readonly Moved[]): void;
  /** Runs `work` while no member of the group, of any process, can read the topics; throws when one does. */
  whileIdle(group: string, topics: readonly string[], work: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface MembersParts extends LoopParts {
  /** Age at which a record may be removed. */
  readonly keptMs: number;
}

interface Member {
  readonly options: ConsumeOptions;
  readonly partitions: readonly PartitionKey[];
  /** The partitions it reads, each with what stops the reading. */
  readonly held: Map<string, AbortController>;
  leaving: boolean;
  readonly left: PromiseWithResolvers<void>;
}

interface Process {
  readonly parts: MembersParts;
  readonly members: Map<string, Member>;
  readonly bell: Bell;
  readonly tell: (words: readonly string[]) => void;
  /** Changes with the session: a name stands for one life of the lock by it. */
  name: string;
  session: SqlLockSession | undefined;
  /** True when this process reads and no other does, so nobody needs to be told of an append. */
  alone: boolean;
  closed: boolean;
  prunedAtMs: number;
}

export function createMembers(parts: MembersParts): Members {
  const process: Process = {
    parts,
    members: new Map(),
    bell: createBell(),
    tell: teller(parts),
    name: '',
    session: undefined,
    alone: false,
    closed: false,
    prunedAtMs: 0,
  };
  const look = coalesced(() => lookAround(process));
  let looking: Promise<void> | undefined;
  const keepLooking = async () => {
    while (!process.closed) {
      await process.bell.wait(lookMs);
      if (!process.closed) await look();
    }
  };
  return {
    async join(options) {
      if (process.closed) throw new Error('the stream is closed');
      if (process.members.has(options.group)) throw new Error(`${options.group} already consumes in this process`);
      const member = memberOf(options);
      await parts.offsets.register(options.group, options.topics);
      process.members.set(options.group, member);
      await look();
      looking ??= keepLooking();
      return { stop: () => leave(process, member) };
    },
    reads: (topic) => [...process.members.values()].some(({ options }) => options.topics.includes(topic)),
    announce(moved) {
      if (!process.alone) process.tell(moved.map(({ key, position }) => `${keyText(key)}:${position}`));
    },
    whileIdle: (group, topics, work) => whileIdle(process, group, topics, work),
    async close() {
      process.closed = true;
      await Promise.all([...process.members.values()].map((member) => leave(process, member)));
      process.bell.ring();
      await looking;
      await process.session?.close();
    },
  };
}

function memberOf(options: ConsumeOptions): Member {
  return {
    options,
    partitions: options.topics.toSorted().flatMap(partitionsOf),
    held: new Map(),
    leaving: false,
    left: Promise.withResolvers(),
  };
}

/** One look: who lives, what is ours to read, how far the log has come. */
async function lookAround(process: Process): Promise<void> {
  const { parts } = process;
  try {
    const session = await openSession(process);
    const living = await livingMembers(process, session);
    for (const member of process.members.values()) {
      await settle(process, session, member, living.get(member.options.group) ?? []);
    }
    const topics = new Set([...process.members.values()].flatMap((member) => member.options.topics));
    for (const { key, position } of await headsOfLog(parts.sql, [...topics])) parts.heads.advance(key, position);
    // What could not be written when it was noted.
    await parts.offsets.flush();
    void prune(process, session);
  } catch (error) {
    process.alone = false;
    parts.telemetry.log.warn('the stream does not answer; looking again in a second', { error });
  }
}

async function openSession(process: Process): Promise<SqlLockSession> {
  const { session, parts, bell } = process;
  if (session !== undefined && !session.lost.aborted) return session;
  const next = await parts.sql.openLockSession();
  const name = randomUUID();
  await next.tryLock(memberLock(name));
  await next.listen(channel, (payload) => hear(process, payload));
  next.lost.addEventListener('abort', () => bell.ring(), { once: true });
  process.name = name;
  process.session = next;
  return next;
}

function hear(process: Process, payload: string): void {
  for (const word of payload.split(',')) {
    const [, topic, partition, position] = /^(.+):(\d+):(\d+)$/.exec(word) ?? [];
    if (topic === undefined || position === undefined) process.bell.ring();
    else process.parts.heads.advance({ topic, partition: Number(partition) }, BigInt(position));
  }
}

/** The names of the living members of each group, ours among them. The rows of the dead are removed. */
async function livingMembers(process: Process, session: SqlLockSession): Promise<Map<string, string[]>> {
  const { sql } = process.parts;
  const rows = await sql.query<{ group_name: string; member: string }>('SELECT group_name, member FROM stream_members');
  const others = new Set(rows.map((row) => row.member).filter((member) => member !== process.name));
  for (const other of others) {
    if (!(await session.tryLock(memberLock(other)))) continue;
    await session.unlock(memberLock(other));
    await sql.execute('DELETE FROM stream_members WHERE member = $1', [other]);
    others.delete(other);
  }
  process.alone = others.size === 0 && process.members.size > 0;
  const living = new Map<string, string[]>();
  for (const { group_name, member } of rows) {
    if (others.has(member)) living.set(group_name, [...(living.get(group_name) ?? []), member]);
  }
  const known = new Set(rows.filter((row) => row.member === process.name).map((row) => row.group_name));
  for (const { options, leaving } of process.members.values()) {
    if (leaving) continue;
    living.set(options.group, [...(living.get(options.group) ?? []), process.name].sort());
    if (!known.has(options.group)) await enter(process, options.group);
  }
  return living;
}

async function enter(process: Process, group: string): Promise<void> {
  await process.parts.sql.execute(
    'INSERT INTO stream_members (group_name, member) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [group, process.name],
  );
  process.tell([membersChanged]);
}

/** Takes the partitions that are this member's turn and free, and lets go of those that are another's. */
async function settle(
  process: Process,
  session: SqlLockSession,
  member: Member,
  living: readonly string[],
): Promise<void> {
  for (const [turn, key] of member.partitions.entries()) {
    const ours = !member.leaving && living[turn % living.length] === process.name;
    const held = member.held.get(keyText(key));
    if (!ours) held?.abort();
    if (!ours || held !== undefined) continue;
    const name = partitionLock(member.options.group, key);
    if (!(await session.tryLock(name))) continue;
    if (member.leaving) await session.unlock(name);
    else read(process, session, member, key);
  }
}

function read(process: Process, session: SqlLockSession, member: Member, key: PartitionKey): void {
  const { parts } = process;
  const stop = new AbortController();
  member.held.set(keyText(key), stop);
  const stopWhenLost = () => stop.abort();
  session.lost.addEventListener('abort', stopWhenLost);
  const letGo = async () => {
    session.lost.removeEventListener('abort', stopWhenLost);
    // The next reader begins where this one ended.
    await parts.offsets.flush();
    if (!session.lost.aborted) await session.unlock(partitionLock(member.options.group, key)).catch(() => {});
    member.held.delete(keyText(key));
    if (member.leaving && member.held.size === 0) member.left.resolve();
    process.bell.ring();
    if (!process.alone) process.tell([membersChanged]);
  };
  void runPartition(parts, member.options, key, stop.signal).then(letGo);
}

async function leave(process: Process, member: Member): Promise<void> {
  const { group } = member.options;
  if (!member.leaving) {
    member.leaving = true;
    for (const stop of member.held.values()) stop.abort();
    if (member.held.size === 0) member.left.resolve();
  }
  await member.left.promise;
  if (process.members.get(group) !== member) return;
  process.members.delete(group);
  await process.parts.sql
    .execute('DELETE FROM stream_members WHERE group_name = $1 AND member = $2', [group, process.name])
    // Left behind, the row is found dead by its lock when this process is gone.
    .catch(() => 0);
  if (!process.alone) process.tell([membersChanged]);
}

async function whileIdle(
  process: Process,
  group: string,
  topics: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  if (process.members.has(group)) throw new Error(`${group} has a running member; stop it first`);
  const session = await process.parts.sql.openLockSession();
  try {
    for (const key of topics.flatMap(partitionsOf)) {
      if (await session.tryLock(partitionLock(group, key))) continue;
      throw new Error(`${group} has a running member in another process; stop it first`);
    }
    await work();
  } finally {
    await session.close();
  }
}

/** Once an hour, by one process. */
async function prune(process: Process, session: SqlLockSession): Promise<void> {
  const { parts } = process;
  if (Date.now() - process.prunedAtMs < pruneEveryMs) return;
  process.prunedAtMs = Date.now();
  try {
    if (!(await session.tryLock('stream-retention'))) return;
    const removed = await pruneLog(parts.sql, parts.keptMs);
    if (removed > 0) parts.telemetry.log.info('old events were removed from the stream', { removed });
    await session.unlock('stream-retention');
  } catch (error) {
    parts.telemetry.log.warn('old events could not be removed from the stream', { error });
  }
}

/** Gathers what is said while the last notification is under way into one. */
function teller(parts: MembersParts): (words: readonly string[]) => void {
  let pending = new Map<string, string>();
  const send = coalesced(async () => {
    const words = [...pending.values()].join(',');
    pending = new Map();
    if (words === '') return;
    const payload = words.length > payloadMax ? membersChanged : words;
    await parts.sql.execute('SELECT pg_notify($1, $2)', [channel, payload]).catch((error: unknown) => {
      parts.telemetry.log.debug('other processes could not be told; they look every second', { error });
    });
  });
  return (words) => {
    // A newer position of a partition replaces the older one.
    for (const word of words) pending.set(word.slice(0, word.lastIndexOf(':') + 1) || word, word);
    void send();
  };
}

function memberLock(name: string): string {
  return `stream-member:${name}`;
}

function partitionLock(group: string, key: PartitionKey): string {
  return `stream-partition:${group}:${keyText(key)}`;
}
