import { describe, expect, it } from 'vitest';
import { mailContract } from './mail.contract.ts';
import { openSmtp } from './mail-smtp.ts';
import { type ReceivedMail, startSmtpServer } from './testing-smtp.ts';

/** Reads a mail of one part back (RFC 5322, 2045, 2047), as a receiver would. */
function decode({ recipients, data }: ReceivedMail): { to: string; subject: string; text: string } {
  const [head = '', ...body] = data.split('\r\n\r\n');
  const headers = new Map(
    head
      .replaceAll(/\r\n[ \t]+/g, ' ')
      .split('\r\n')
      .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const subject = (headers.get('subject') ?? '')
    .replaceAll(/\?=\s+=\?/g, '?==?')
    .replaceAll(/=\?utf-8\?(b|q)\?(.*?)\?=/gi, (_, kind: string, text: string) =>
      kind.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64').toString()
        : fromQuotedPrintable(text.replaceAll('_', ' ')),
    );
  const raw = body.join('\r\n\r\n');
  const encoding = headers.get('content-transfer-encoding');
  const text =
    encoding === 'base64'
      ? Buffer.from(raw, 'base64').toString()
      : encoding === 'quoted-printable'
        ? fromQuotedPrintable(raw.replaceAll(/=\r\n/g, ''))
        : raw;
  return { to: recipients.join(','), subject, text };
}

function fromQuotedPrintable(text: string): string {
  const bytes = text.replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

const from = 'Suuupra <no-reply@suuupra.test>';

mailContract('SMTP', async () => {
  const server = await startSmtpServer();
  const mail = openSmtp({ url: server.url, from });
  return {
    mail,
    arrived: async () => server.received.map(decode),
    refuse: async () => {
      server.refusing = true;
      return async () => {
        server.refusing = false;
      };
    },
    close: async () => {
      await mail.close();
      await server.close();
    },
  };
});

describe('mail over SMTP', () => {
  it('gives one id the same Message-ID in every process, and another id another', async () => {
    const server = await startSmtpServer();
    const ids: (string | undefined)[] = [];
    for (const id of ['mail_1', 'mail_1', 'mail_2']) {
      const mail = openSmtp({ url: server.url, from });
      await mail.send({ id, to: 'a@example.org', subject: 's', text: 't' });
      await mail.close();
      ids.push(/^Message-ID: (.*)$/im.exec(server.received.at(-1)?.data ?? '')?.[1]);
    }
    await server.close();
    expect(ids[0]).toMatch(/^<[0-9a-f]{40}@suuupra\.test>$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('sends to one recipient, whatever the address says', async () => {
    const server = await startSmtpServer();
    const mail = openSmtp({ url: server.url, from });
    const to = 'a@example.org, eve@example.org';
    await mail.send({ id: 'mail_1', to, subject: 's', text: 't' }).catch(() => {});
    for (const { recipients } of server.received) expect(recipients).toHaveLength(1);
    await mail.close();
    await server.close();
  });

  it('gives no password to a server without encryption', async () => {
    const server = await startSmtpServer();
    const mail = openSmtp({ url: server.url.replace('//', '//user:secret@'), from });
    await expect(mail.send({ id: 'mail_1', to: 'a@example.org', subject: 's', text: 't' })).rejects.toThrow();
    expect(server.received).toEqual([]);
    await mail.close();
    await server.close();
  });

  it('says so when nobody listens', async () => {
    const server = await startSmtpServer();
    await server.close();
    const mail = openSmtp({ url: server.url, from });
    await expect(mail.ping()).rejects.toThrow();
    await mail.close();
  });
});
