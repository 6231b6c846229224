/**
 * Mail as part of a transaction: `enqueue` writes it beside the fact it tells of, a loop brings it to the `mail` port
 * after the commit. A mail is sent at least once; its id lets the next hop recognise a repetition.
 *
 * A service that uses it makes the table with `mailQueueTable` in its own migrations.
 */
import type { Sql, SqlTransaction } from '../sql/sql.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import type { Mail, MailMessage } from './mail.ts';

export interface MailQueue {
  /** Adds a mail to the transaction; the same id twice is one mail. */
  enqueue(tx: SqlTransaction, message: MailMessage): Promise<void>;
  start(): void;
  /** Waits for the mail being sent now; what is queued stays queued. */
  stop(): Promise<void>;
}

const batchMax = 20;
/** How long a claimed mail is left to the process that claimed it. */
const leaseSeconds = 60;
/** After 12 tries with doubling pauses (about 34 hours) a mail is kept as failed and not tried again. */
const triesMax = 12;
const idleMs = 5_000;

interface QueuedMail extends Record<string, unknown> {
  id: string;
  recipient: string;
  subject: string;
  body: string;
  tries: number;
}

export function openMailQueue(parts: { sql: Sql; mail: Mail; world: World; telemetry: Telemetry }): MailQueue {
  const { telemetry } = parts;
  let running: Promise<void> = Promise.resolve();
  let stopped = true;
  let wake = () => {};

  const loop = async () => {
    while (!stopped) {
      const sent = await sendDue(parts).catch((error: unknown) => {
        telemetry.log.warn('mail queue cannot be read', { error });
        return 0;
      });
      if (sent === batchMax || stopped) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, idleMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };

  return {
    enqueue: async (tx, message) => {
      await tx.execute(
        `INSERT INTO mail_queue (id, recipient, subject, body, due_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
        [message.id, message.to, message.subject, message.text, new Date(parts.world.now())],
      );
      tx.afterCommit(() => wake());
    },
    start: () => {
      stopped = false;
      running = loop();
    },
    stop: async () => {
      stopped = true;
      wake();
      await running;
    },
  };
}

async function sendDue({
  sql,
  mail,
  world,
  telemetry,
}: {
  sql: Sql;
  mail: Mail;
  world: World;
  telemetry: Telemetry;
}): Promise<number> {
  const nowMs = world.now();
  const due = await sql.query<QueuedMail>(
    `UPDATE mail_queue SET due_at = $1, tries = tries + 1
     WHERE id IN (SELECT id FROM mail_queue WHERE due_at <= $2 AND tries < $3 ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED)
     RETURNING id, recipient, subject, body, tries`,
    [new Date(nowMs + leaseSeconds * 1_000), new Date(nowMs), triesMax, batchMax],
  );
  for (const message of due) {
    try {
      await mail.send({ id: message.id, to: message.recipient, subject: message.subject, text: message.body });
      await sql.execute('DELETE FROM mail_queue WHERE id = $1', [message.id]);
    } catch (error) {
      telemetry.log.warn('a mail could not be sent', { mail: message.id, tries: message.tries, error });
      const pauseMs = 30_000 * 2 ** (message.tries - 1);
      await sql.execute('UPDATE mail_queue SET due_at = $2 WHERE id = $1', [
        message.id,
        new Date(world.now() + pauseMs),
      ]);
    }
  }
  return due.length;
}
