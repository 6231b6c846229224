import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { mailContract } from './mail.contract.ts';
import { openSmtp } from './mail-smtp.ts';

interface Received {
  readonly recipients: readonly string[];
  readonly data: string;
}

interface SmtpServer {
  readonly url: string;
  readonly received: Received[];
  refusing: boolean;
  close(): Promise<void>;
}

/** Enough of RFC 5321 to take mail, without encryption or log-in. */
async function startSmtpServer(): Promise<SmtpServer> {
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  const state = { refusing: false };
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, state, received);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    get refusing() {
      return state.refusing;
    },
    set refusing(refusing) {
      state.refusing = refusing;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function serve(socket: Socket, state: { readonly refusing: boolean }, received: Received[]): void {
  let pending = '';
  let recipients: string[] = [];
  let data: string[] | undefined;
  const say = (line: string) => socket.write(`${line}\r\n`);
  const takeLine = (line: string) => {
    if (data !== undefined) {
      if (line !== '.') return void data.push(line.startsWith('.') ? line.slice(1) : line);
      received.push({ recipients, data: data.join('\r\n') });
      data = undefined;
      recipients = [];
      return say('250 taken');
    }
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'RCPT') {
      if (state.refusing) return say('451 not now');
      recipients.push(/<(.*)>/.exec(line)?.[1] ?? '');
    }
    if (verb === 'RSET') recipients = [];
    if (verb === 'DATA') {
      data = [];
      return say('354 go on');
    }
    if (['EHLO', 'HELO', 'MAIL', 'RCPT', 'RSET', 'NOOP'].includes(verb)) return say('250 ok');
    return say(verb === 'QUIT' ? '221 bye' : '502 not here');
  };
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    const lines = (pending + chunk.toString('utf8')).split('\r\n');
    pending = lines.pop() ?? '';
    for (const line of lines) takeLine(line);
  });
  say('220 test');
}

/** Reads a mail of one part back (RFC 5322, 2045, 2047), as a receiver would. */
function decode({ recipients, data }: Received): { to: string; subject: string; text: string } {
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
