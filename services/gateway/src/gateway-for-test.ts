/** A gateway on real sockets, in front of small implementations of the services that a test names. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { DescService } from '@bufbuild/protobuf';
import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { PaymentsService } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { openEmbeddedCache } from '@suuupra/platform/cache/cache-embedded';
import type { RawRoute } from '@suuupra/platform/http/route';
import { createClient } from '@suuupra/platform/rpc/client';
import { serve } from '@suuupra/platform/rpc/dispatch';
import { type Handlers, type Implementation, implement } from '@suuupra/platform/rpc/rpc';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { realWorld } from '@suuupra/platform/world';
import type { GatewayLimits } from './limits.ts';
import type { OperationsParts } from './operations.ts';
import type { Dependency } from './readiness.ts';
import { createGateway, type Gateway } from './service.ts';
import type { Shedder } from './shedding.ts';

export interface TestGatewayOptions {
  readonly identity?: Partial<Handlers<typeof IdentityService>>;
  readonly content?: Partial<Handlers<typeof ContentService>>;
  readonly orders?: Partial<Handlers<typeof OrdersService>>;
  /** Without it there are no payments at all. */
  readonly payments?: Partial<Handlers<typeof PaymentsService>>;
  readonly rawRoutes?: readonly RawRoute[];
  readonly publicUrl?: string;
  readonly trustedHops?: number;
  readonly limits?: Partial<GatewayLimits>;
  readonly dependencies?: readonly Dependency[];
  readonly shedder?: Shedder;
  readonly operations?: OperationsParts;
}

export interface TestGateway {
  readonly url: string;
  readonly port: number;
  readonly gateway: Gateway;
  readonly logged: Record<string, unknown>[];
  /** Spans that are kept and metrics, as text. */
  measured(): Promise<string>;
  close(): Promise<void>;
}

/** Tokens are `token-<role>`; a token whose name is in `ended` stands for nothing any more. */
export const ended = new Set<string>();

const signedIn: Partial<Handlers<typeof IdentityService>> = {
  checkSession: async ({ token }) => {
    const role = /^token-([a-z]+)$/.exec(token)?.[1];
    if (role === undefined || ended.has(token)) return {};
    const seconds = BigInt(Math.trunc(Date.now() / 1_000) + 3_600);
    return { session: { sessionId: `ses_${role}`, userId: `usr_${role}`, roles: [role], expiresAt: { seconds } } };
  },
  createSession: async () => ({ accessToken: 'token-learner', expiresInSeconds: 3_600, user: { id: 'usr_learner' } }),
  deleteCurrentSession: async (_request, { principal }) => {
    if (principal.kind === 'user') ended.add(`token-${principal.userId.slice(4)}`);
    return {};
  },
  getMe: async (_request, { principal }) => ({ user: { id: principal.kind === 'user' ? principal.userId : '' } }),
};

export async function startGatewayForTest(options: TestGatewayOptions = {}): Promise<TestGateway> {
  ended.clear();
  const world = realWorld();
  const logged: Record<string, unknown>[] = [];
  const telemetry = openTelemetry({
    logLevel: 'debug',
    traceShare: 1,
    otlpEndpoint: '',
    logTo: { write: (line) => logged.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const own = telemetry.forService('test');
  const implementations = [
    partly(IdentityService, { ...signedIn, ...options.identity }),
    partly(ContentService, options.content ?? {}),
    partly(OrdersService, options.orders ?? {}),
    ...(options.payments === undefined ? [] : [partly(PaymentsService, options.payments)]),
  ];
  const served = serve(implementations, { world, telemetry: own });
  const transport = localTransport(() => served);
  const gateway = await createGateway({
    catalog: {
      services: implementations.map((each) => each.service),
      transportOf: () => transport,
      rawRoutes: options.rawRoutes ?? [],
    },
    identity: createClient(IdentityService, transport, { caller: 'gateway', world }),
    cache: openEmbeddedCache({ world }),
    keys: { secret: async () => new Uint8Array(32).fill(7) },
    world,
    telemetry: telemetry.forService('gateway'),
    process: telemetry,
    settings: { publicUrl: options.publicUrl ?? 'http://127.0.0.1', trustedHops: options.trustedHops ?? 0 },
    dependencies: options.dependencies ?? [],
    limits: options.limits ?? {},
    ...(options.shedder !== undefined && { shedder: options.shedder }),
    ...(options.operations !== undefined && { operations: options.operations }),
  });
  const port = await gateway.listen(0, '127.0.0.1');
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    gateway,
    logged,
    measured: async () => JSON.stringify(telemetry.recentSpans(1_000)) + (await telemetry.metricsText()),
    close: async () => {
      await gateway.close({ drainMs: 50 });
      await telemetry.close();
    },
  };
}

/** What a test does not name is a fault when it is called. */
function partly<S extends DescService>(service: S, handlers: Partial<Handlers<S>>): Implementation {
  const absent = service.methods.map((method) => [
    method.localName,
    async () => {
      throw new Error(`${method.name} is not expected here`);
    },
  ]);
  return implement(service, { ...Object.fromEntries(absent), ...handlers } as unknown as Handlers<S>);
}

/** Sends bytes as they are and gives all that comes back until the other side closes. */
export function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(answer) : reject(error),
    );
    socket.write(text, 'latin1');
  });
}

/** A GET whose target is sent as it is written; fetch would tidy it first. */
export function getUntidied(port: number, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', reject).end();
  });
}
