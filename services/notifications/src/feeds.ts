/** What the service does with people's notifications: add, list, count, mark as read. */
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type Notification,
  NotificationSchema,
} from '@suuupra/contracts/gen/suuupra/notifications/v1/notifications_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { Sql, SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { World } from '@suuupra/platform/world';
import type { Notice } from './notice.ts';

/** Older ones of a person are removed: a feed is news, the receipt itself stays with the order. */
export const keptMax = 500;

/** A notification with its number in its person's feed: 1, 2, 3, … in the order of commits. */
export interface Numbered {
  readonly seq: bigint;
  readonly notification: Notification;
}

interface NotificationRow extends Record<string, unknown> {
  seq: bigint;
  id: string;
  kind: string;
  title: string;
  body: string;
  link: string;
  created_at: Date;
  read_at: Date | null;
}

/** Adds them in their order and removes what is beyond each person's newest 500. Holds the locks of their feeds until the commit. */
export async function addNotifications(
  tx: SqlTransaction,
  world: Pick<World, 'id' | 'now'>,
  added: readonly { readonly userId: string; readonly notice: Notice }[],
): Promise<void> {
  if (added.length === 0) return;
  const numbers = await takeNumbers(
    tx,
    added.map(({ userId }) => userId),
  );
  const at = new Date(world.now());
  await tx.execute(
    `INSERT INTO notifications (user_id, seq, id, kind, title, body, link, created_at)
     SELECT *, $8::timestamptz FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])`,
    [
      added.map(({ userId }) => userId),
      numbers,
      added.map(() => world.id('ntf')),
      added.map(({ notice }) => notice.kind),
      added.map(({ notice }) => notice.title),
      added.map(({ notice }) => notice.body),
      added.map(({ notice }) => notice.link),
      at,
    ],
  );
  const ends = new Map(added.map(({ userId }, index) => [userId, (numbers[index] ?? 0n) - BigInt(keptMax)]));
  const full = [...ends].filter(([, end]) => end > 0n);
  if (full.length === 0) return;
  await tx.execute(
    `DELETE FROM notifications USING unnest($1::text[], $2::bigint[]) AS beyond (user_id, seq)
     WHERE notifications.user_id = beyond.user_id AND notifications.seq <= beyond.seq`,
    [full.map(([userId]) => userId), full.map(([, end]) => end)],
  );
}

/** The next number of each of these people's feeds, in order. Feeds are locked in one order, so that two processes do not deadlock. */
async function takeNumbers(tx: SqlTransaction, userIds: readonly string[]): Promise<bigint[]> {
  const counts = new Map<string, bigint>();
  for (const userId of userIds) counts.set(userId, (counts.get(userId) ?? 0n) + 1n);
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const feeds = await tx.query<{ user_id: string; last_seq: bigint }>(
    `INSERT INTO feeds (user_id, last_seq) SELECT * FROM unnest($1::text[], $2::bigint[])
     ON CONFLICT (user_id) DO UPDATE SET last_seq = feeds.last_seq + excluded.last_seq RETURNING user_id, last_seq`,
    [sorted.map(([userId]) => userId), sorted.map(([, count]) => count)],
  );
  const last = new Map(feeds.map((feed) => [feed.user_id, feed.last_seq - (counts.get(feed.user_id) ?? 0n)]));
  return userIds.map((userId) => {
    const before = last.get(userId);
    if (before === undefined) throw new Error('a feed gave no number');
    last.set(userId, before + 1n);
    return before + 1n;
  });
}

export async function listNotifications(
  sql: Sql,
  userId: string,
  request: { pageSize: number; pageToken: string },
): Promise<{ notifications: Notification[]; nextPageToken: string; unreadCount: number } | Refusal> {
  const page = readPage(request, ['integer']);
  if (isRefusal(page)) return page;
  const rows = await sql.query<NotificationRow>(
    `SELECT * FROM notifications WHERE user_id = $1 AND ($2::bigint IS NULL OR seq < $2)
     ORDER BY seq DESC LIMIT $3`,
    [userId, page.after[0] ?? null, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    notifications: shown.map(notificationMessage),
    nextPageToken: rows.length > page.limit && last !== undefined ? pageToken([String(last.seq)]) : '',
    unreadCount: await countUnread(sql, userId),
  };
}

/** Marks these of the person's notifications, or all when `ids` is empty; ids that are not theirs do nothing. */
export async function markRead(
  sql: Sql,
  world: Pick<World, 'now'>,
  userId: string,
  ids: readonly string[],
): Promise<{ unreadCount: number }> {
  await sql.execute(
    `UPDATE notifications SET read_at = $2
     WHERE user_id = $1 AND read_at IS NULL AND (cardinality($3::text[]) = 0 OR id = ANY ($3))`,
    [userId, new Date(world.now()), ids],
  );
  return { unreadCount: await countUnread(sql, userId) };
}

async function countUnread(sql: SqlExecutor, userId: string): Promise<number> {
  const [row] = await sql.query<{ unread: number }>(
    'SELECT count(*)::int AS unread FROM notifications WHERE user_id = $1 AND read_at IS NULL',
    [userId],
  );
  return row?.unread ?? 0;
}

/** The newest `limit` of those above the number, oldest first. */
export async function notificationsAfter(
  sql: SqlExecutor,
  userId: string,
  seq: bigint,
  limit: number,
): Promise<Numbered[]> {
  const rows = await sql.query<NotificationRow>(
    'SELECT * FROM notifications WHERE user_id = $1 AND seq > $2 ORDER BY seq DESC LIMIT $3',
    [userId, seq, limit],
  );
  return rows.reverse().map((row) => ({ seq: row.seq, notification: notificationMessage(row) }));
}

/** The number of the newest notification of each of these people; people who never had one are left out. */
export async function lastSeqs(sql: SqlExecutor, userIds: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
  const rows = await sql.query<{ user_id: string; last_seq: bigint }>(
    'SELECT user_id, last_seq FROM feeds WHERE user_id = ANY ($1)',
    [userIds],
  );
  return new Map(rows.map((row) => [row.user_id, row.last_seq]));
}

function notificationMessage(row: NotificationRow): Notification {
  return create(NotificationSchema, {
    id: row.id,
    kind: row.kind,
    title: row.title,
    body: row.body,
    link: row.link,
    createdAt: timestampFromDate(row.created_at),
    ...(row.read_at === null ? {} : { readAt: timestampFromDate(row.read_at) }),
  });
}
