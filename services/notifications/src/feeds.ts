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

/** Adds one and removes what is beyond the newest 500. Holds the lock of the person's feed until the commit. */
export async function addNotification(
  tx: SqlTransaction,
  world: Pick<World, 'id' | 'now'>,
  userId: string,
  notice: Notice,
): Promise<void> {
  const [feed] = await tx.query<{ last_seq: bigint }>(
    `INSERT INTO feeds (user_id, last_seq) VALUES ($1, 1)
     ON CONFLICT (user_id) DO UPDATE SET last_seq = feeds.last_seq + 1 RETURNING last_seq`,
    [userId],
  );
  if (feed === undefined) throw new Error('a feed gave no number');
  await tx.execute(
    `INSERT INTO notifications (user_id, seq, id, kind, title, body, link, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      userId,
      feed.last_seq,
      world.id('ntf'),
      notice.kind,
      notice.title,
      notice.body,
      notice.link,
      new Date(world.now()),
    ],
  );
  await tx.execute('DELETE FROM notifications WHERE user_id = $1 AND seq <= $2', [
    userId,
    feed.last_seq - BigInt(keptMax),
  ]);
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
