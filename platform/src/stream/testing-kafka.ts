/** Streams on the broker of this test run (tools/engines/kafka.ts), in this process and in others that a test may kill. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { openTelemetry } from '../telemetry/telemetry-process.ts';
import type { RecordCheck } from './record-check.ts';
import type { ConsumeOptions, Stream, StreamRecord } from './stream.ts';
import { type KafkaStreamOptions, openKafkaStream } from './stream-kafka.ts';

/** The address of the broker, as host:port. */
export function kafkaBroker(url = process.env['SUUUPRA_TEST_KAFKA']): string {
  if (url === undefined) throw new Error('There is no SUUUPRA_TEST_KAFKA: run "npm run test:engines -- kafka".');
  return new URL(url).host;
}

/** Short sessions and tries, so that a killed member is missed soon. */
export async function openTestKafka(
  check: RecordCheck,
  topicPrefix: string,
  options: Partial<KafkaStreamOptions> = {},
): Promise<Stream> {
  const logLevel = process.env['SUUUPRA_LOG_LEVEL'] ?? 'silent';
  return openKafkaStream({
    brokers: [kafkaBroker()],
    clientId: `test-${process.pid}`,
    telemetry: openTelemetry({ logLevel, traceShare: 0, otlpEndpoint: '' }).forService('test'),
    world: { random: () => 0.5 },
    retry: { firstMs: 2, mostMs: 20 },
    session: { timeoutMs: 3_000, heartbeatMs: 300, rebalanceMs: 6_000 },
    topics: [],
    topicPrefix,
    check,
    ...options,
  });
}

/** A stream in another process, whose handlers run in this one. */
export interface OtherProcess {
  readonly stream: Pick<Stream, 'consume'>;
  /**
   * Consumes events and writes them into the table `heard`. Resolves when it has stopped for ever in the transaction of
   * the one with the number `holdAt`; its batch is not committed then.
   */
  hearUntil(hearing: Hearing): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export interface Hearing {
  /** Of a database with the table `heard` (subject, event_id, process) and those of a service. */
  readonly databaseUrl: string;
  readonly group: string;
  readonly type: string;
  readonly holdAt: number;
}

export type ToChild =
  | { readonly consume: Omit<ConsumeOptions, 'handle'> }
  | { readonly hear: Hearing }
  | { readonly handled: number; readonly error?: string };
export type FromChild =
  | { readonly ready: true }
  | { readonly consuming: true }
  | { readonly held: true }
  | { readonly handle: number; readonly records: readonly StreamRecord[] };

export async function openOtherProcess(topicPrefix: string): Promise<OtherProcess> {
  const child = fork(new URL('./testing-kafka-process.ts', import.meta.url), [topicPrefix], {
    serialization: 'advanced',
    execArgv: [],
  });
  await once(child, 'message');
  return {
    stream: { consume: (options) => consumeThere(child, options) },
    async hearUntil(hear) {
      const held = Promise.withResolvers<void>();
      child.on('message', (message: FromChild) => {
        if ('held' in message) held.resolve();
      });
      child.send({ hear } satisfies ToChild);
      await held.promise;
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function consumeThere(child: ChildProcess, { handle, ...options }: ConsumeOptions) {
  const consuming = Promise.withResolvers<void>();
  const tell = (message: ToChild) => child.connected && child.send(message, () => {});
  child.on('message', (message: FromChild) => {
    if ('consuming' in message) consuming.resolve();
    else if ('handle' in message) {
      handle(message.records).then(
        () => tell({ handled: message.handle }),
        (error: unknown) => tell({ handled: message.handle, error: String(error) }),
      );
    }
  });
  tell({ consume: options });
  await consuming.promise;
  return {
    stop: async () => {
      throw new Error('a process that is going to be killed is not stopped');
    },
  };
}
