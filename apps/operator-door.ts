/**
 * The operator's door of a process: is it alive, can it do its work, what does it count. Plain HTTP on an address of its own,
 * for orchestrators and Prometheus; nothing of it is meant for the outside.
 */
import { createServer } from 'node:http';
import { type Dependency, type Readiness, readinessOf, readinessStatus } from '@suuupra/gateway/readiness';
import type { ProcessTelemetry } from '@suuupra/platform/telemetry/telemetry';
import { cannotListen } from './cannot-listen.ts';

export interface OperatorDoorOptions {
  readonly host: string;
  readonly port: number;
  readonly process: Pick<ProcessTelemetry, 'metrics'>;
  readonly dependencies: readonly Dependency[];
  readonly isDraining: () => boolean;
}

const checkMsMax = 2_000;
const requestMsMax = 10_000;
const remedy = 'it is for the operator; give another with SUUUPRA_OPERATOR_PORT or SUUUPRA_MESH_HOST';

/** Throws ConfigError when the address cannot be taken. */
export async function openOperatorDoor(options: OperatorDoorOptions): Promise<{ close(): Promise<void> }> {
  const readiness = readinessOf(options.dependencies, checkMsMax, options.isDraining);
  const server = createServer({ requestTimeout: requestMsMax, maxHeaderSize: 8_192 }, (request, response) => {
    void answer(options, readiness, request.url ?? '', request.headers.accept ?? '').then(
      ({ status, type, text }) =>
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.maxConnections = 100;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(options.host, options.port, error, remedy)));
    server.listen(options.port, options.host, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  options: OperatorDoorOptions,
  readiness: () => Promise<Readiness>,
  url: string,
  accept: string,
): Promise<{ status: number; type: string; text: string }> {
  const json = (status: number, value: unknown) => ({ status, type: 'application/json', text: JSON.stringify(value) });
  switch (url.split('?')[0]) {
    case '/healthz':
      return json(200, { status: 'ok' });
    case '/readyz': {
      const state = await readiness();
      return json(readinessStatus(state), state);
    }
    case '/metrics':
      return { status: 200, ...(await options.process.metrics(accept)) };
    default:
      return json(404, { status: 'not_found' });
  }
}
