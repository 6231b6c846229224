/** What a call costs inside one process, over gRPC, and over gRPC with mutual TLS: latency, and calls a second. */
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { createClient } from '@suuupra/platform/rpc/client';
import { serve } from '@suuupra/platform/rpc/dispatch';
import { openRemoteTarget } from '@suuupra/platform/rpc/remote-target';
import { type Client, implement } from '@suuupra/platform/rpc/rpc';
import { serveGrpc } from '@suuupra/platform/rpc/serve-grpc';
import { remoteTransport } from '@suuupra/platform/rpc/transport-grpc';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import { openTestAuthority } from '@suuupra/platform/testing-certificates';
import { realWorld } from '@suuupra/platform/world';
import { machine, median, spread, table } from './measure.ts';

const rounds = 5;
const callsPerRound = 2_000;
const lanes = 32;
const world = realWorld();

type Caller = Client<typeof IdentityService>;

interface Subject {
  readonly name: string;
  readonly client: Caller;
  readonly close: () => Promise<void>;
  readonly aloneUs: number[];
  readonly perSecond: number[];
}

/** Caller and service share one process here, so a call over the wire pays for both ends on one core. */
export async function benchRpc(): Promise<string> {
  const authority = await openTestAuthority();
  const users = Array.from({ length: 10 }, (_, at) => ({ id: `usr_${at}`, displayName: 'Asha', roles: ['learner'] }));
  const handlers = Object.fromEntries(
    IdentityService.methods.map((method) => [method.localName, async () => ({ users })]),
  );
  const served = serve([implement(IdentityService, handlers as never)], { world });
  const certificates = await authority.open('identity');
  const own = await authority.open('orders');
  const subjects = [
    subject(
      'in the process',
      createClient(
        IdentityService,
        localTransport(() => served),
        { caller: 'orders', world },
      ),
    ),
    await overGrpc('gRPC, loopback', {}, {}),
    await overGrpc(
      'gRPC with mutual TLS, loopback',
      { peers: { certificates: [certificates], mayCall: () => true } },
      { certificates: own },
    ),
  ];
  for (let round = 0; round <= rounds; round += 1) for (const each of subjects) await measure(each, round > 0);
  for (const each of subjects) await each.close();
  await authority.close();
  return report(subjects);

  async function overGrpc(name: string, server: object, client: object): Promise<Subject> {
    const grpc = await serveGrpc({ served: [served], host: '127.0.0.1', port: 0, world, ...server });
    const addresses = [`127.0.0.1:${grpc.port}`];
    const target = openRemoteTarget({ service: 'identity', addresses, world, ...client });
    return subject(
      name,
      createClient(IdentityService, remoteTransport(target), { caller: 'orders', world }),
      async () => {
        target.close();
        await grpc.close(500);
      },
    );
  }
}

function subject(name: string, client: Caller, close: Subject['close'] = async () => {}): Subject {
  return { name, client, close, aloneUs: [], perSecond: [] };
}

async function measure({ client, aloneUs, perSecond }: Subject, counts: boolean): Promise<void> {
  const alone: number[] = [];
  for (let call = 0; call < callsPerRound / 4; call += 1) {
    const startedAt = performance.now();
    await ask(client);
    alone.push((performance.now() - startedAt) * 1_000);
  }
  const startedAt = performance.now();
  let left = callsPerRound;
  const lane = async () => {
    for (; left > 0; left -= 1) await ask(client);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (!counts) return;
  aloneUs.push(median(alone));
  perSecond.push((callsPerRound / (performance.now() - startedAt)) * 1_000);
}

async function ask(client: Caller): Promise<void> {
  const answer = await client.getUsers({ ids: ['usr_1'] });
  if (!('users' in answer) || answer.users.length !== 10) throw new Error('a call was not answered');
}

function report(subjects: readonly Subject[]): string {
  const rows = subjects.map(({ name, aloneUs, perSecond }) => [name, spread(aloneUs), spread(perSecond)]);
  return `## A call between services

${machine()}. GetUsers with ten users in the answer; ${rounds} rounds of ${callsPerRound} calls, both ends in one process on one core. Median of the rounds (least–most).

${table(['', 'one after another, µs a call', `${lanes} at once, calls a second`], rows)}`;
}

if (import.meta.main) console.log(await benchRpc());
