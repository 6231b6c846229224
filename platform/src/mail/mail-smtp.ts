/**
 * The `mail` port over SMTP.
 *
 * Library: `nodemailer`. Pitfalls: its defaults wait for minutes, a `to` given as text may name several recipients, and
 * content may be read from files or addresses unless that is turned off. SMTP itself cannot deliver exactly once: an id
 * that this process sent is not sent again, and the Message-ID made of it lets the receiver see a repetition after a crash.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import nodemailer from 'nodemailer';
import type { Mail } from './mail.ts';

export interface SmtpOptions {
  /** smtp://user:password@host:587 or smtps://… With a password an unencrypted connection is refused. */
  readonly url: string;
  /** Name and address, e.g. `Suuupra <no-reply@example.org>`. */
  readonly from: string;
}

const connectionsMax = 4;
const connectMsMax = 10_000;
const silenceMsMax = 20_000;
/** Ids remembered as sent. */
const sentMax = 10_000;

export interface SmtpMail extends Mail {
  close(): Promise<void>;
}

export function openSmtp(options: SmtpOptions): SmtpMail {
  const url = new URL(options.url);
  const secure = url.protocol === 'smtps:';
  const user = decodeURIComponent(url.username);
  const transport = nodemailer.createTransport({
    pool: true,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    ...(user === '' ? {} : { auth: { user, pass: decodeURIComponent(url.password) }, requireTLS: !secure }),
    maxConnections: connectionsMax,
    connectionTimeout: connectMsMax,
    greetingTimeout: connectMsMax,
    socketTimeout: silenceMsMax,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = /@([^>\s]+)>?\s*$/.exec(options.from)?.[1] ?? url.hostname;
  const sent = new LRUCache<string, Promise<void>>({ max: sentMax });
  return {
    send(message) {
      const before = sent.get(message.id);
      if (before !== undefined) return before;
      const sending = transport
        .sendMail({
          from: options.from,
          to: { name: '', address: message.to },
          subject: message.subject,
          text: message.text,
          messageId: `<${createHash('sha256').update(message.id).digest('hex').slice(0, 40)}@${domain}>`,
        })
        .then(
          () => {},
          (error: unknown) => {
            sent.delete(message.id);
            throw error;
          },
        );
      sent.set(message.id, sending);
      return sending;
    },
    async ping() {
      const startedMs = performance.now();
      await transport.verify();
      return performance.now() - startedMs;
    },
    async close() {
      transport.close();
    },
  };
}
