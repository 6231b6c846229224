/** A network that fails at the worst moment: a TCP proxy that loses the answer to one statement, as tests ask it to. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly address: { readonly host: string; readonly port: number };
  /** The next statement with the text reaches the server; its answer is thrown away and the connection cut. */
  arm(): void;
  /** Resolves when a connection was cut. */
  readonly cut: Promise<void>;
  close(): Promise<void>;
}

/** Listens before the server. It looks for the text in what a client sends, so the connection must be plain text. */
export async function openCuttingProxy(
  server: { readonly host: string; readonly port: number },
  text: string,
): Promise<CuttingProxy> {
  let armed = false;
  const { promise: cut, resolve: noteCut } = Promise.withResolvers<void>();
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    const upstream = connect(server.port, server.host);
    let cutting = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (armed && chunk.includes(text)) {
        armed = false;
        cutting = true;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!cutting) {
        client.write(chunk);
        return;
      }
      client.destroy();
      upstream.destroy();
      noteCut();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    address: { host: '127.0.0.1', port: (listener.address() as AddressInfo).port },
    arm: () => {
      armed = true;
    },
    cut,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
