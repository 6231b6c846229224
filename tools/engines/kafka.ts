/**
 * Apache Kafka as one node that is broker and controller (KRaft), from the jars that the project publishes on Maven
 * Central. It runs apart, on free ports, in a folder of its own.
 *
 * An acknowledged write is in the page cache, so it outlives a killed process; `durable` also has it on the disk
 * (`log.flush.interval.messages=1`), which a cluster gets from its replicas instead.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Admin } from '@platformatic/kafka';
import { type Engine, type EngineOptions, engineCache, engineFolder, freePort, type RunningEngine } from './engine.ts';
import { startServer } from './server-process.ts';

export const kafka: Engine = {
  name: 'kafka',
  start: startKafka,
  testSetting: 'SUUUPRA_TEST_KAFKA',
  platformSetting: 'SUUUPRA_KAFKA_URL',
  tests: {
    include: ['platform/src/stream/stream-kafka.engines.test.ts', 'tools/engines/kafka-*.engines.test.ts'],
    // Groups that lost a member wait for its session to end.
    testMsMax: 120_000,
    // The services that the stream connects keep their inbox and outbox there.
    needs: ['postgres'],
  },
};

const version = '4.1.1';
const startMsMax = 90_000;
const installMsMax = 600_000;
const formatMsMax = 60_000;

export interface KafkaOptions extends EngineOptions {
  readonly port?: number;
  /** The port that clients are told; of a proxy before the broker. The broker's own when absent. */
  readonly advertisedPort?: number;
}

/** Starts a broker, or answers a sentence that says why there is none. */
export async function startKafka(options: KafkaOptions): Promise<RunningEngine | string> {
  const none = (why: string) => `No Kafka broker of this machine: ${why}.`;
  if (spawnSync('java', ['-version']).status !== 0) return none('there is no Java (Debian: openjdk-17-jre-headless)');
  const jars = engineCache(`kafka-${version}`);
  if (!existsSync(jars)) {
    const problem = options.mayInstall
      ? installJars(jars)
      : `its jars are not installed (org.apache.kafka:kafka_2.13:${version} with its dependencies, in ${jars})`;
    if (problem !== undefined) return none(problem);
  }
  const { folder, dispose } = engineFolder('kafka', options);
  const port = options.port ?? (await freePort());
  const properties = path.join(folder, 'server.properties');
  writeFileSync(properties, await settings(folder, port, options));
  const problem = format(jars, folder, properties);
  if (problem !== undefined) {
    dispose();
    return none(problem);
  }
  const url = `kafka://127.0.0.1:${options.advertisedPort ?? port}`;
  const server = await startServer({
    command: 'java',
    args: ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-cp', path.join(jars, '*'), 'kafka.Kafka', properties],
    answers: () => answers(port),
    startMsMax,
    logFile: path.join(folder, 'server.log'),
    asOurselves: true,
  });
  if (typeof server === 'string') return none(server);
  return {
    name: 'Kafka',
    version,
    url,
    get processId() {
      return server.processId;
    },
    crash: server.crash,
    restart: server.restart,
    stop: async () => {
      await server.end();
      dispose();
    },
  };
}

async function settings(folder: string, port: number, options: KafkaOptions): Promise<string> {
  const controllerPort = await freePort();
  const values = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${options.advertisedPort ?? port}`,
    'log.dirs': path.join(folder, 'data'),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // A group starts with its first member, and a killed one is missed soon: tests wait for both.
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    // After a kill the controller holds the node for alive this long, and lets it in only then.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    // Producers come and go by the hundred in tests; a broker's default keeps 125 MB for cleaning logs.
    'log.cleaner.dedupe.buffer.size': '8388608',
    ...(options.durable ? { 'log.flush.interval.messages': '1' } : {}),
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Gives the folder its cluster id, once; a folder that has one keeps it. */
function format(jars: string, folder: string, properties: string): string | undefined {
  if (existsSync(path.join(folder, 'data', 'meta.properties'))) return undefined;
  const id = randomBytes(16).toString('base64url');
  const made = spawnSync(
    'java',
    [
      '-Xmx256m',
      '-cp',
      path.join(jars, '*'),
      'kafka.tools.StorageTool',
      'format',
      `--cluster-id=${id}`,
      '-c',
      properties,
    ],
    { encoding: 'utf8', timeout: formatMsMax },
  );
  return made.status === 0
    ? undefined
    : `its storage could not be formatted: ${`${made.stderr}${made.stdout}`.trim().slice(-300)}`;
}

/** Fetches the broker and what it needs from Maven Central; the folder appears when all of it is there. */
function installJars(jars: string): string | undefined {
  if (spawnSync('mvn', ['-version']).status !== 0) return 'there is no Maven on this machine to fetch it with';
  mkdirSync(path.dirname(jars), { recursive: true });
  const work = mkdtempSync(`${jars}-`);
  try {
    writeFileSync(path.join(work, 'pom.xml'), pom);
    const libraries = path.join(work, 'jars');
    const { status, stdout } = spawnSync(
      'mvn',
      ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${libraries}`],
      { cwd: work, encoding: 'utf8', timeout: installMsMax },
    );
    if (status !== 0) return `mvn failed: ${stdout.trim().slice(-300)}`;
    renameSync(libraries, jars);
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>suuupra</groupId><artifactId>engine-kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
`;

/** Asked at its own port: a proxy need not be there yet. */
async function answers(port: number): Promise<boolean> {
  const admin = new Admin({
    clientId: 'engine',
    bootstrapBrokers: [`127.0.0.1:${port}`],
    retries: 0,
    connectTimeout: 1_000,
    requestTimeout: 2_000,
  });
  try {
    return (await admin.metadata({ topics: [] })).brokers.size === 1;
  } catch {
    return false;
  } finally {
    await admin.close();
  }
}
