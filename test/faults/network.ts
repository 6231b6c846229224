/** A stretch of network that tests can make bad: a TCP proxy that passes on, loses everything, is slow, or is cut. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export type Weather =
  | { readonly kind: 'fine' }
  /** Nothing gets through in either direction, and nobody is told: connections stay open. */
  | { readonly kind: 'lost' }
  /** Each piece arrives this much later. */
  | { readonly kind: 'slow'; readonly ms: number };

export interface Stretch {
  /** Where to connect instead of the target. */
  readonly host: string;
  readonly port: number;
  /** From now on, for connections that are open too. What was held back while all was lost is lost: those are cut. */
  set(weather: Weather): void;
  close(): Promise<void>;
}

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  /** Something of it was lost: it cannot go on. */
  torn: boolean;
}

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** The target may be known later than the stretch: it is asked for with each connection. */
export async function openStretch(target: () => Target): Promise<Stretch> {
  let weather: Weather = { kind: 'fine' };
  const lines = new Set<Line>();
  const listener = createServer((client) => {
    const { host, port } = target();
    const server = connect(port, host);
    const line: Line = { client, server, torn: false };
    lines.add(line);
    const end = () => {
      client.destroy();
      server.destroy();
      lines.delete(line);
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', end);
    }
    carry(line, client, server, () => weather);
    carry(line, server, client, () => weather);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    set: (next) => {
      weather = next;
      if (next.kind === 'lost') return;
      for (const line of lines) if (line.torn) line.client.destroy();
    },
    close: async () => {
      for (const { client, server } of lines) {
        client.destroy();
        server.destroy();
      }
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

/** In order, whatever the weather was when a piece came; a slow line has as many pieces under way as its sender sends. */
function carry(line: Line, from: Socket, to: Socket, weather: () => Weather): void {
  let last: Promise<unknown> = Promise.resolve();
  from.on('data', (piece) => {
    const now = weather();
    if (now.kind === 'lost') {
      line.torn = true;
      return;
    }
    const arrives = now.kind === 'slow' ? delay(now.ms) : undefined;
    if (arrives === undefined && to.writableLength === 0) {
      last = last.then(() => to.write(piece));
      return;
    }
    last = last.then(async () => {
      await arrives;
      to.write(piece);
    });
  });
  from.on('end', () => void last.then(() => to.end()));
}
