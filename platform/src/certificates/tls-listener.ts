/**
 * The door of a server that only services of this installation may pass: TLS 1.3 with certificates on both sides. It does
 * the handshakes itself and hands over sockets, because the servers behind it (gRPC's, HTTP's) neither say why a peer was
 * refused nor change their certificate in the same way.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Certificates, Credentials } from './certificates.ts';
import { identityOf, wrongOf } from './identity.ts';

export interface TlsListenerOptions {
  /** One of each service behind the door: a caller names the service it wants (SNI) and is shown that one's. */
  readonly certificates: readonly Certificates[];
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** `h2` or `http/1.1`: who speaks neither is sent away. */
  readonly protocol: 'h2' | 'http/1.1';
  readonly telemetry?: Pick<Telemetry, 'log'>;
  /** Whose connections are taken; absent: every service's. */
  readonly peers?: readonly string[];
  /** Gets each connection whose peer is known. */
  readonly accept: (socket: TLSSocket, peer: string) => void;
}

export interface TlsListener {
  readonly port: number;
  /** Takes no more connections; those that were handed over stay. */
  close(): Promise<void>;
}

/** A peer that does not finish its handshake in this time is no peer. */
const handshakeMsMax = 5_000;
/** One for each calling process, and at raw routes one for each stream that the gateway has open (raw-remote.ts). */
const connectionsMax = 5_000;

/** Rejects with the error of the system when the address cannot be taken. */
export async function listenTls(options: TlsListenerOptions): Promise<TlsListener> {
  const [first, ...others] = options.certificates;
  if (first === undefined) throw new TypeError('A door for other services needs a certificate.');
  const contexts = new Map<string, SecureContext>();
  const server = createServer({
    ...contextOf(first.current()),
    SNICallback: (name, give) => give(null, contexts.get(name)),
    ALPNProtocols: [options.protocol],
    requestCert: true,
    // Refused below, where the reason is known.
    rejectUnauthorized: false,
    handshakeTimeout: handshakeMsMax,
  });
  server.maxConnections = connectionsMax;
  server.on('tlsClientError', (error, socket) => {
    const from = socket.remoteAddress ?? '';
    options.telemetry?.log.debug('a handshake failed', { from, error: error.message });
    socket.destroy();
  });
  server.on('secureConnection', (socket) => receive(options, socket));
  const stops = [first.onChange((credentials) => server.setSecureContext(contextOf(credentials)))];
  for (const other of others) {
    const use = (credentials: Credentials) => contexts.set(other.name, createSecureContext(contextOf(credentials)));
    use(other.current());
    stops.push(other.onChange(use));
  }
  const stopWatching = () => {
    for (const stop of stops) stop();
  };
  server.listen(options.port, options.host);
  try {
    await once(server, 'listening');
  } catch (error) {
    stopWatching();
    throw error;
  }
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      stopWatching();
      return closed(server);
    },
  };
}

function closed(server: Server): Promise<void> {
  // The callback waits for connections, which belong to others by now; the listening itself ends at once.
  server.close();
  return Promise.resolve();
}

function contextOf({ key, certificate, authorities }: Credentials) {
  return { key, cert: certificate, ca: authorities, minVersion: 'TLSv1.3' as const };
}

function receive(options: TlsListenerOptions, socket: TLSSocket): void {
  // A socket without a listener for its errors ends the process.
  socket.on('error', (error) => options.telemetry?.log.debug('a connection broke', { error: error.message }));
  const seen = peerOf(socket, options.peers);
  if ('peer' in seen) {
    options.accept(socket, seen.peer);
    return;
  }
  options.telemetry?.log.warn('a connection is refused', {
    why: seen.why,
    peer: seen.claimed,
    from: socket.remoteAddress,
  });
  socket.destroy();
}

function peerOf(
  socket: TLSSocket,
  peers: readonly string[] | undefined,
): { readonly peer: string } | { readonly why: string; readonly claimed: string } {
  const certificate = socket.getPeerCertificate();
  // Node gives an empty object where there is none.
  if (certificate.raw === undefined) return { why: 'there is no certificate', claimed: '' };
  const peer = identityOf(certificate);
  const claimed = peer ?? '';
  // Node says null where nothing is wrong, against its types; a resumed session is judged by its first handshake.
  if (!socket.authorized) return { why: wrongOf(String(socket.authorizationError)), claimed };
  if (Date.parse(certificate.valid_to) <= Date.now()) return { why: wrongOf('CERT_HAS_EXPIRED'), claimed };
  if (peer === undefined) return { why: 'the certificate is of no service', claimed };
  if (peers !== undefined && !peers.includes(peer)) return { why: 'this service may not connect here', claimed };
  return { peer };
}
