/**
 * The operator's door of a process: is it alive, can it do its work, what does it count. Plain HTTP on an address of its own,
 * for orchestrators and Prometheus; nothing of it is meant for the outside.
 */
import { createServer } from 'node:http';
import type { ProcessTelemetry } from '@suuupra/platform/telemetry/telemetry';

/** Something this process cannot do without; `check` gives its latency in milliseconds, or throws. */
export interface Dependency {
  readonly name: string;
  check(): Promise<number>;
}

export interface OperatorDoorOptions {
  readonly host: string;
  readonly port: number;
  readonly process: Pick<ProcessTelemetry, 'metrics'>;
  readonly dependencies: readonly Dependency[];
  readonly isDraining: () => boolean;
}

const checkMsMax = 2_000;
const requestMsMax = 10_000;

export async function openOperatorDoor(options: OperatorDoorOptions): Promise<{ close(): Promise<void> }> {
  const server = createServer({ requestTimeout: requestMsMax, maxHeaderSize: 8_192 }, (request, response) => {
    void answer(options, request.url ?? '', request.headers.accept ?? '').then(
      ({ status, type, text }) =>
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.maxConnections = 100;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
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
  url: string,
  accept: string,
): Promise<{ status: number; type: string; text: string }> {
  const json = (status: number, value: unknown) => ({ status, type: 'application/json', text: JSON.stringify(value) });
  switch (url.split('?')[0]) {
    case '/healthz':
      return json(200, { status: 'ok' });
    case '/readyz': {
      const dependencies = await Promise.all(options.dependencies.map(stateOf));
      const draining = options.isDraining();
      const ready = !draining && dependencies.every(({ state }) => state === 'up');
      return json(ready ? 200 : 503, { status: draining ? 'draining' : ready ? 'ready' : 'not_ready', dependencies });
    }
    case '/metrics':
      return { status: 200, ...(await options.process.metrics(accept)) };
    default:
      return json(404, { status: 'not_found' });
  }
}

async function stateOf({ name, check }: Dependency): Promise<{ name: string; state: 'up' | 'down' }> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('no answer in time')), checkMsMax);
  try {
    await Promise.race([check(), late.promise]);
    return { name, state: 'up' };
  } catch {
    return { name, state: 'down' };
  } finally {
    clearTimeout(timer);
  }
}
