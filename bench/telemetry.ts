/**
 * What tracing costs: the same calls through dispatch, with telemetry that keeps no trace, one in twenty, and all of them.
 * `node bench/telemetry.ts`; processor time, rounds interleaved, and the best of
 * each is compared: the rest is the machine's noise.
 */
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { createClient } from '@suuupra/platform/rpc/client';
import { serve } from '@suuupra/platform/rpc/dispatch';
import { type Handlers, implement } from '@suuupra/platform/rpc/rpc';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { realWorld } from '@suuupra/platform/world';

const callsPerRound = 20_000;
const rounds = 7;
const shares = [0, 0.05, 1];

const world = realWorld();
const handlers = Object.fromEntries(IdentityService.methods.map(({ localName }) => [localName, async () => ({})]));

function callerAt(traceShare: number): () => Promise<number> {
  const telemetry = openTelemetry({ logLevel: 'silent', traceShare, otlpEndpoint: '' });
  const [gateway, identity] = [telemetry.forService('gateway'), telemetry.forService('identity')];
  const implementation = implement(IdentityService, handlers as unknown as Handlers<typeof IdentityService>);
  const served = serve([implementation], { world, telemetry: identity });
  const client = createClient(
    IdentityService,
    localTransport(() => served),
    { caller: 'gateway', world },
  );
  return async () => {
    const before = process.cpuUsage();
    for (let made = 0; made < callsPerRound; made += 1) {
      const span = gateway.span('GET /bench', '', { 'http.route': '/bench' }, { kind: 'server' });
      await client.checkSession({ token: 'x' }, { context: { ...context, traceparent: span.traceparent } });
      span.end();
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / callsPerRound;
  };
}

const context = {
  ...{ principal: { kind: 'anonymous' } as const, requestId: 'req_bench', traceparent: '', clientAddress: '' },
  ...{ signal: new AbortController().signal, deadlineAtMs: Number.MAX_SAFE_INTEGER, idempotencyKey: '', ifMatch: '' },
  ...{ userAgent: '', answer: {} },
};

export async function benchTelemetry(): Promise<string> {
  const callers = shares.map((share) => ({ share, call: callerAt(share), bestUs: Number.POSITIVE_INFINITY }));
  for (let round = 0; round < rounds; round += 1) {
    for (const caller of callers) caller.bestUs = Math.min(caller.bestUs, await caller.call());
  }
  const [base] = callers;
  const rows = callers.map(
    ({ share, bestUs }) =>
      `| ${share * 100} % | ${bestUs.toFixed(1)} | ${(((bestUs - (base?.bestUs ?? bestUs)) / (base?.bestUs ?? 1)) * 100).toFixed(1)} % |`,
  );
  return [
    '## What tracing costs',
    '',
    '| traces kept | µs of processor time a call, two spans | more than none |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}

if (import.meta.main) console.log(await benchTelemetry());
