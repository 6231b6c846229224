/** `mail` over SMTP, by nodemailer. The message id is made of ours, so that a mail sent twice can be known as one. */
import { createTransport } from 'nodemailer';
import type { Mail } from './mail.ts';

export interface SmtpOptions {
  /** `smtp://user:password@host:587`, `smtps://…:465`. */
  readonly url: string;
  readonly from: string;
}

const connectionMsMax = 10_000;
const connectionsMax = 3;

export async function openSmtp({ url, from }: SmtpOptions): Promise<Mail> {
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: connectionsMax,
    connectionTimeout: connectionMsMax,
    greetingTimeout: connectionMsMax,
    socketTimeout: connectionMsMax * 2,
    // Never a file or an address fetched because a text said so.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    send: async ({ id, to, subject, text }) => {
      await transport.sendMail({ from, to, subject, text, messageId: `<${id}@suuupra>` });
    },
    ping: async () => {
      const startedMs = performance.now();
      await transport.verify();
      return performance.now() - startedMs;
    },
  };
}
