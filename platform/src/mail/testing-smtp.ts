/** A mail server for tests: what it was given, and how soon it says that it has it. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface ReceivedMail {
  readonly recipients: readonly string[];
  readonly data: string;
}

export interface SmtpServer {
  readonly url: string;
  readonly received: ReceivedMail[];
  refusing: boolean;
  close(): Promise<void>;
}

/** Enough of RFC 5321 to take mail, without encryption or log-in. It says that it took a mail so late after it has it. */
export async function startSmtpServer(takesMs = 0): Promise<SmtpServer> {
  const received: ReceivedMail[] = [];
  const sockets = new Set<Socket>();
  const state = { refusing: false };
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, { state, takesMs }, received);
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

interface Manner {
  readonly state: { readonly refusing: boolean };
  readonly takesMs: number;
}

function serve(socket: Socket, { state, takesMs }: Manner, received: ReceivedMail[]): void {
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
      if (takesMs > 0) return void setTimeout(() => say('250 taken'), takesMs);
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
