/**
 * Notifications as they happen: server-sent events (WHATWG HTML, section 9.2) at GET /api/v1/notifications/stream.
 *
 * A stream holds only the number of the last notification it sent. Woken, it reads what has a higher number and sends it:
 * a wake-up too many does nothing, and one that was lost is made good at the next heartbeat. The event id is that number,
 * so that a browser which comes back with Last-Event-ID gets what it missed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { NotificationSchema } from '@suuupra/contracts/gen/suuupra/notifications/v1/notifications_pb.ts';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import { jsonWriter } from '@suuupra/platform/rpc/json-write';
import type { Sql } from '@suuupra/platform/sql/sql';
import { coalesced } from '@suuupra/platform/stream/bell';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { lastSeqs, type Numbered, notificationsAfter } from './feeds.ts';

export interface StreamLimits {
  readonly perUserMax: number;
  readonly inAllMax: number;
  /** Shorter than the half minute after which proxies close a silent connection. */
  readonly heartbeatMs: number;
  /** Of what was missed, the newest are sent; the list has the rest. */
  readonly missedMax: number;
  /** Then the browser has to come back and show who it is again. */
  readonly ageMsMax: number;
}

export const streamLimits: StreamLimits = {
  perUserMax: 5,
  inAllMax: 2_000,
  heartbeatMs: 15_000,
  missedMax: 100,
  ageMsMax: 3_600_000,
};

/** A browser that lost its stream comes back after this. */
const comeBackMs = 3_000;
/** One that gave way to newer ones comes back after this; at once, they would push each other out in a circle. */
const gaveWayMs = 300_000;
const channel = 'notifications';

export interface Streams {
  readonly route: RawRoute;
  /** These people have new notifications, committed by this process. At most as many as fit into one NOTIFY: 100. */
  wake(userIds: readonly string[]): void;
  /** This session is over, as this process has just committed: its streams end, in every process. */
  endSession(sessionId: string): void;
  /** Hears what other processes commit. */
  start(): Promise<void>;
  /** Ends every stream. */
  stop(): Promise<void>;
}

interface Stream {
  readonly userId: string;
  readonly sessionId: string;
  readonly openedAtMs: number;
  readonly response: ServerResponse;
  /** The number of the last notification it sent. */
  sentSeq: bigint;
  pull: () => Promise<void>;
}

interface StreamParts {
  readonly sql: Sql;
  readonly world: Pick<World, 'now'>;
  readonly telemetry: Telemetry;
  readonly limits: StreamLimits;
  /** Tells this process's own announcements from those of others. */
  readonly processId: string;
}

const notificationJson = jsonWriter(NotificationSchema);

export const streamRoute: RawRouteDeclaration = {
  method: 'GET',
  path: '/api/v1/notifications/stream',
  summary: 'My notifications as they happen, as server-sent events',
  access: 'signed_in',
  bodyBytesMax: 0,
  lasting: true,
};

export function openStreams(parts: StreamParts): Streams {
  const { sql, telemetry, limits, processId } = parts;
  // A set keeps the order of insertion: the first is the oldest.
  const open = new Set<Stream>();
  const gauge = telemetry.gauge('suuupra_notification_streams', 'Open notification streams');
  let heartbeat: NodeJS.Timeout | undefined;
  let listener: { close(): Promise<void> } | undefined;

  const wakeHere = (userId: string | undefined) => {
    for (const stream of open) if (userId === undefined || stream.userId === userId) void stream.pull();
  };
  const endHere = (sessionId: string | undefined) => {
    for (const stream of open) if (stream.sessionId === sessionId) endStream(stream, comeBackMs);
  };
  const tellOthers = (what: 'wake' | 'end', id: string) =>
    void sql.execute('SELECT pg_notify($1, $2)', [channel, `${processId} ${what} ${id}`]).catch((error: unknown) => {
      telemetry.log.debug('other processes could not be told of a notification; they look by themselves', { error });
    });
  const serve = async (request: IncomingMessage, response: ServerResponse, context: RawContext) => {
    const { userId, sessionId } = userOf(context);
    // Read before the answer begins: whatever is committed once the browser sees the stream open reaches it.
    const sentSeq = await seqToBeginAfter(sql, userId, lastEventId(request));
    if (context.signal.aborted || response.destroyed) return;
    const stream = beginStream(parts, { userId, sessionId, openedAtMs: parts.world.now(), response, sentSeq });
    makeRoom(open, userId, limits);
    open.add(stream);
    gauge.set(open.size);
    const over = ended(response, context.signal);
    await stream.pull();
    await over;
    open.delete(stream);
    gauge.set(open.size);
  };
  return {
    route: { ...streamRoute, handle: serve },
    wake: (userIds) => {
      for (const userId of userIds) wakeHere(userId);
      tellOthers('wake', userIds.join(' '));
    },
    endSession: (sessionId) => {
      endHere(sessionId);
      tellOthers('end', sessionId);
    },
    start: async () => {
      heartbeat = setInterval(() => void beat(parts, open), limits.heartbeatMs);
      heartbeat.unref();
      listener = await sql.listen(channel, (payload) => {
        const [from, what, ...ids] = payload.split(' ');
        if (from === processId) return;
        if (what === 'end') endHere(ids[0]);
        // Without an id: the connection was lost and is back, so anything may have been missed.
        else if (ids.length === 0) wakeHere(undefined);
        else for (const id of ids) wakeHere(id);
      });
    },
    stop: async () => {
      clearInterval(heartbeat);
      await listener?.close();
      for (const stream of open) endStream(stream, comeBackMs);
    },
  };
}

function userOf({ principal }: RawContext): { userId: string; sessionId: string } {
  if (principal.kind !== 'user') throw new Error('a stream of notifications was opened by nobody');
  return principal;
}

function beginStream(parts: StreamParts, begun: Omit<Stream, 'pull'>): Stream {
  const { response } = begun;
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${comeBackMs}\n\n`);
  const stream: Stream = { ...begun, pull: async () => {} };
  stream.pull = coalesced(() =>
    send(parts, stream).catch((error: unknown) => {
      parts.telemetry.log.warn('a stream of notifications could not be read; it looks again soon', { error });
    }),
  );
  response.on('drain', () => void stream.pull());
  return stream;
}

/** A first visit begins with what comes next. */
async function seqToBeginAfter(sql: Sql, userId: string, after: bigint | undefined): Promise<bigint> {
  const newest = (await lastSeqs(sql, [userId])).get(userId) ?? 0n;
  // A number that is still to come was made up, or belongs to a feed that was since restored from a backup.
  return after === undefined || after > newest ? newest : after;
}

/** Undefined when the browser comes for the first time, or with something that was never an id of ours. */
function lastEventId(request: IncomingMessage): bigint | undefined {
  const given = request.headers['last-event-id'];
  return typeof given === 'string' && /^\d{1,18}$/.test(given) ? BigInt(given) : undefined;
}

/** Sends what is new. A reader who does not keep up gets no more until the connection has drained. */
async function send({ sql, limits }: StreamParts, stream: Stream): Promise<void> {
  const { userId, response } = stream;
  if (isOver(response) || response.writableNeedDrain) return;
  const fresh = await notificationsAfter(sql, userId, stream.sentSeq, limits.missedMax);
  if (isOver(response)) return;
  for (const numbered of fresh) {
    response.write(eventText(numbered));
    stream.sentSeq = numbered.seq;
  }
}

/** Nothing may be written any more; the connection itself may still be closing. */
function isOver(response: ServerResponse): boolean {
  return response.writableEnded || response.destroyed;
}

/** JSON holds no raw line break, so it is one `data` line. */
function eventText({ seq, notification }: Numbered): string {
  return `id: ${seq}\nevent: notification\ndata: ${notificationJson(notification)}\n\n`;
}

/** Shows proxies and browsers that the line is alive, drops readers who stopped reading, makes good lost wake-ups. */
async function beat({ sql, world, telemetry, limits }: StreamParts, open: ReadonlySet<Stream>): Promise<void> {
  for (const stream of open) {
    const { response } = stream;
    if (response.writableNeedDrain) response.destroy();
    else if (world.now() - stream.openedAtMs >= limits.ageMsMax) endStream(stream, comeBackMs);
    else if (!isOver(response)) response.write(': still here\n\n');
  }
  if (open.size === 0) return;
  try {
    const newest = await lastSeqs(sql, [...new Set([...open].map((stream) => stream.userId))]);
    for (const stream of open) {
      if ((newest.get(stream.userId) ?? 0n) > stream.sentSeq) void stream.pull();
    }
  } catch (error) {
    telemetry.log.warn('streams of notifications cannot look for what they missed', { error });
  }
}

/** Ends the oldest streams so that one more fits. */
function makeRoom(open: Set<Stream>, userId: string, limits: StreamLimits): void {
  const own = [...open].filter((stream) => stream.userId === userId);
  const leaving = own.slice(0, Math.max(0, own.length - limits.perUserMax + 1));
  for (const stream of leaving) giveWay(open, stream);
  const [oldest] = open;
  if (open.size >= limits.inAllMax && oldest !== undefined) giveWay(open, oldest);
}

function giveWay(open: Set<Stream>, stream: Stream): void {
  open.delete(stream);
  endStream(stream, gaveWayMs);
}

function endStream({ response }: Stream, comeBackAfterMs: number): void {
  if (!isOver(response)) response.end(`retry: ${comeBackAfterMs}\n\n`);
}

/** Resolves when the connection is closed by either side; closes it when the session is over. */
function ended(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const leave = () => response.end();
    const done = () => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    if (response.destroyed || response.writableFinished) return done();
    response.once('close', done);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
  });
}
