/**
 * Mail as part of a transaction: `enqueue` writes it beside the fact it tells of, a loop brings it to the `mail` port
 * after the commit. A mail is sent at least once; its id lets the next hop recognise a repetition. Each is claimed by
 * itself and kept while it is being sent, so a slow server alone makes none come twice; a process that dies may.
 *
 * A service that uses it makes the table `mail_queue` in its own migrations:
 * id text PRIMARY KEY, recipient text, subject text, body text, due_at timestamptz, tries int DEFAULT 0.
 */
import { type Loop, startLoop } from '../loop.ts';
import type { Sql, SqlTransaction } from '../sql/sql.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import type { Mail, MailMessage } from './mail.ts';
import { type TextSeal, textSeal } from './sealed-text.ts';

export interface MailQueue {
  /** Adds a mail to the transaction; the same id twice is one mail. */
  enqueue(tx: SqlTransaction, message: MailMessage): Promise<void>;
  /** Adds several by one statement. */
  enqueueAll(tx: SqlTransaction, messages: readonly MailMessage[]): Promise<void>;
  start(): void;
  /** Waits for the mail being sent now; what is queued stays queued. */
  stop(): Promise<void>;
}

export interface MailQueueParts {
  readonly sql: Sql;
  readonly mail: Mail;
  readonly world: World;
  readonly telemetry: Telemetry;
  /** A secret of the keyring: texts are sealed with it while they wait, e.g. because they carry a link that signs in. */
  readonly sealedWith?: Uint8Array;
  /** How long a mail is left to the process that claimed it, unless that renews the claim; default 60,000. */
  readonly leaseMs?: number;
}

/** Mails of one round. */
const roundMax = 20;
/** So long after its process died a claimed mail is another's. */
const defaultLeaseMs = 60_000;
const renewalsPerLease = 3;
/** Ten minutes: a server that takes longer for one mail may get it twice. */
const renewalsMax = 30;
/** After 12 tries with doubling pauses (about 17 hours) a mail is not tried again; its row stays a month for the operator. */
const triesMax = 12;
const failedKeptMs = 30 * 24 * 60 * 60 * 1_000;
const retryFirstMs = 30_000;
const idleMsMax = 5_000;

interface QueuedMail extends Record<string, unknown> {
  id: string;
  recipient: string;
  subject: string;
  body: string;
  tries: number;
}

export function openMailQueue(parts: MailQueueParts): MailQueue {
  const { world, telemetry, sealedWith } = parts;
  const seal = sealedWith === undefined ? undefined : textSeal(sealedWith);
  let loop: Loop | undefined;
  const enqueueAll = async (tx: SqlTransaction, messages: readonly MailMessage[]) => {
    if (messages.length === 0) return;
    await tx.execute(
      `INSERT INTO mail_queue (id, recipient, subject, body, due_at)
       SELECT *, $5::timestamptz FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
       ON CONFLICT DO NOTHING`,
      [
        messages.map(({ id }) => id),
        messages.map(({ to }) => to),
        messages.map(({ subject }) => subject),
        messages.map(({ id, text }) => seal?.seal(text, id) ?? text),
        new Date(world.now()),
      ],
    );
    tx.afterCommit(() => loop?.nudge());
  };
  return {
    enqueueAll,
    enqueue: (tx, message) => enqueueAll(tx, [message]),
    start: () => {
      loop = startLoop({
        round: () => sendDue(parts, seal),
        now: () => world.now(),
        idleMsMax,
        failed: (error) => telemetry.log.warn('mail queue cannot be read', { error }),
      });
    },
    stop: async () => loop?.stop(),
  };
}

/** Sends what is due; gives the time when more is. */
async function sendDue(parts: MailQueueParts, seal: TextSeal | undefined): Promise<number | undefined> {
  const { sql, world } = parts;
  for (let sent = 0; sent < roundMax; sent += 1) {
    const claimed = await claim(parts);
    if (claimed === undefined) break;
    await trySend(parts, seal, claimed);
  }
  await sql.execute('DELETE FROM mail_queue WHERE tries >= $1 AND due_at < $2', [
    triesMax,
    new Date(world.now() - failedKeptMs),
  ]);
  const [next] = await sql.query<{ due_at: Date | null }>(
    'SELECT min(due_at) AS due_at FROM mail_queue WHERE tries < $1',
    [triesMax],
  );
  return next?.due_at?.getTime();
}

/** One at a time: what waits behind a slow mail is nobody's, and another process may send it. */
async function claim({ sql, world, leaseMs = defaultLeaseMs }: MailQueueParts): Promise<QueuedMail | undefined> {
  const nowMs = world.now();
  const [claimed] = await sql.query<QueuedMail>(
    `UPDATE mail_queue SET due_at = $1, tries = tries + 1
     WHERE id = (SELECT id FROM mail_queue WHERE due_at <= $2 AND tries < $3 ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING id, recipient, subject, body, tries`,
    [new Date(nowMs + leaseMs), new Date(nowMs), triesMax],
  );
  return claimed;
}

async function trySend(parts: MailQueueParts, seal: TextSeal | undefined, queued: QueuedMail): Promise<void> {
  const { sql, mail, world, telemetry } = parts;
  const { id, recipient, subject, body, tries } = queued;
  const lease = renewing(parts, queued);
  try {
    await mail.send({ id, to: recipient, subject, text: seal?.open(body, id) ?? body });
    await sql.execute('DELETE FROM mail_queue WHERE id = $1', [id]);
  } catch (error) {
    telemetry.log.warn('a mail could not be sent', { mail: id, tries, ...reasonOf(error) });
    const pauseMs = retryFirstMs * 2 ** (tries - 1);
    // Whoever has claimed it since has counted one more try.
    await sql.execute('UPDATE mail_queue SET due_at = $2 WHERE id = $1 AND tries = $3', [
      id,
      new Date(world.now() + pauseMs),
      tries,
    ]);
  } finally {
    lease.end();
  }
}

/** Keeps the claim while the mail is being sent, for as long as a server may take at all. */
function renewing(parts: MailQueueParts, { id, tries }: QueuedMail): { end(): void } {
  const { sql, world, telemetry, leaseMs = defaultLeaseMs } = parts;
  let renewals = 0;
  const renew = () => {
    renewals += 1;
    if (renewals > renewalsMax) return clearInterval(timer);
    sql
      .execute('UPDATE mail_queue SET due_at = $2 WHERE id = $1 AND tries = $3', [
        id,
        new Date(world.now() + leaseMs),
        tries,
      ])
      .catch((error: unknown) => telemetry.log.warn('the claim of a mail could not be renewed', { mail: id, error }));
  };
  const timer = setInterval(renew, leaseMs / renewalsPerLease);
  return { end: () => clearInterval(timer) };
}

/** Without the message: servers repeat the address in it, and logs hold no addresses. */
function reasonOf(error: unknown): Record<string, unknown> {
  const { name, code, responseCode } = error as { name?: unknown; code?: unknown; responseCode?: unknown };
  return { name, code, responseCode };
}
