/** A network that swallows everything for a while: a TCP proxy that keeps its connections and passes nothing on. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface PartitionedNetwork {
  readonly port: number;
  /** From now on nothing passes, in either direction; connections are taken and stay silent. */
  cut(): void;
  /** What waited goes on. */
  heal(): void;
  close(): Promise<void>;
}

export async function openPartitionedNetwork(serverPort: number): Promise<PartitionedNetwork> {
  let isCut = false;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket, other: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => other.write(chunk));
    socket.on('end', () => other.end());
    socket.on('close', () => {
      sockets.delete(socket);
      if (!isCut) other.destroy();
    });
    if (isCut) socket.pause();
  };
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: serverPort, host: '127.0.0.1', allowHalfOpen: true });
    keep(client, upstream);
    keep(upstream, client);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.pause();
    },
    heal: () => {
      isCut = false;
      for (const socket of sockets) socket.resume();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}
