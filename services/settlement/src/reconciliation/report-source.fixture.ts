/** A provider's HTTP API for tests: answers what a fixture says, and can be slow, cut off or failing. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FixtureRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

export interface FixtureServer {
  readonly origin: string;
  /** Every path that was asked for, with its query. */
  readonly asked: readonly string[];
  /** Answers this status, without a body, until it is undefined again. */
  failWith(status: number | undefined): void;
  /** Answers these bytes and then cuts the connection, until it is undefined again. */
  cutAfter(text: string | undefined): void;
  close(): Promise<void>;
}

export async function serveFixture(
  answer: (request: FixtureRequest) => { readonly status: number; readonly body: unknown },
): Promise<FixtureServer> {
  const asked: string[] = [];
  let failing: number | undefined;
  let cut: string | undefined;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fixture');
    asked.push(`${url.pathname}${url.search}`);
    if (failing !== undefined) return void response.writeHead(failing).end();
    if (cut !== undefined) {
      response.writeHead(200, { 'content-length': cut.length + 1 }).write(cut, () => request.socket.destroy());
      return;
    }
    const { status, body } = answer({ path: url.pathname, query: url.searchParams, headers: request.headers });
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    failWith: (status) => {
      failing = status;
    },
    cutAfter: (text) => {
      cut = text;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
