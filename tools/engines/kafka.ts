/**
 * Apache Kafka as one node that is broker and controller (KRaft), from the jars that the project publishes on Maven
 * Central. It runs apart, on free ports, in a folder of its own.
 *
 * An acknowledged write is in the page cache, so it outlives a killed process; `durable` also has it on the disk
 * (`log.flush.interval.messages=1`), which a cluster gets from its replicas instead.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Admin } from '@platformatic/kafka';
import {
  type Engine,
  type EngineOptions,
  engineCache,
  engineFolder,
  freePort,
  type RunningEngine,
  type ServerTls,
} from './engine.ts';
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
  /** Clients come over TLS. */
  readonly tls?: ServerTls;
  /** A node of several, whose storage has the cluster's id. */
  readonly node?: KafkaNode;
}

export interface KafkaNode {
  readonly id: number;
  readonly controllerPort: number;
  /** `1@127.0.0.1:…,2@…` of all nodes. */
  readonly voters: string;
  readonly clusterId: string;
  readonly nodes: number;
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
  const problem = format(jars, folder, properties, options.node?.clusterId);
  if (problem !== undefined) {
    dispose();
    return none(problem);
  }
  const scheme = options.tls === undefined ? 'kafka' : 'kafkas';
  const url = `${scheme}://127.0.0.1:${options.advertisedPort ?? port}`;
  const server = await startServer({
    command: 'java',
    args: [
      ...(options.node === undefined ? ['-Xms128m', '-Xmx512m'] : ['-Xms96m', '-Xmx256m']),
      '-XX:+UseSerialGC',
      '-cp',
      path.join(jars, '*'),
      'kafka.Kafka',
      properties,
    ],
    answers: () => answers(port, options),
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

export interface KafkaCluster {
  /** `kafka://` with all brokers and three copies of everything. */
  readonly url: string;
  readonly nodes: readonly RunningEngine[];
  stop(): Promise<void>;
}

/** Three brokers that are the controllers too: each fact in three copies, acknowledged when two have it. */
export async function startKafkaCluster(options: EngineOptions): Promise<KafkaCluster | string> {
  const ports = await Promise.all(Array.from({ length: 6 }, freePort));
  const ids = [1, 2, 3];
  const controllerPort = (id: number) => ports[id + 2] ?? 0;
  const voters = ids.map((id) => `${id}@127.0.0.1:${controllerPort(id)}`).join(',');
  const clusterId = newClusterId();
  const started = await Promise.all(
    ids.map((id) =>
      startKafka({
        ...{ mayInstall: options.mayInstall, durable: options.durable, port: ports[id - 1] ?? 0 },
        node: { id, controllerPort: controllerPort(id), voters, clusterId, nodes: ids.length },
      }),
    ),
  );
  const nodes = started.filter((one) => typeof one !== 'string');
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  const problem = started.find((one) => typeof one === 'string');
  if (problem !== undefined) {
    await stop();
    return problem;
  }
  const hosts = nodes.map(({ url }) => new URL(url).host).join(',');
  return { url: `kafka://${hosts}?replication=3`, nodes, stop };
}

async function settings(folder: string, port: number, options: KafkaOptions): Promise<string> {
  const { node, tls } = options;
  const controllerPort = node?.controllerPort ?? (await freePort());
  const door = tls === undefined ? 'PLAINTEXT' : 'SSL';
  const copies = String(node?.nodes ?? 1);
  const copiesMin = node === undefined ? '1' : '2';
  const values = {
    'process.roles': 'broker,controller',
    'node.id': String(node?.id ?? 1),
    'controller.quorum.voters': node?.voters ?? `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': door,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT',
    ...(tls === undefined ? {} : tlsSettings(folder, tls)),
    listeners: `${door}://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `${door}://127.0.0.1:${options.advertisedPort ?? port}`,
    'log.dirs': path.join(folder, 'data'),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': copies,
    'default.replication.factor': copies,
    'min.insync.replicas': copiesMin,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': copiesMin,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': copiesMin,
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

/** Kafka reads a key and its certificate from one file. */
function tlsSettings(folder: string, { keyFile, certificateFile, authorityFile }: ServerTls): Record<string, string> {
  const both = path.join(folder, 'server.pem');
  writeFileSync(both, `${readFileSync(keyFile, 'utf8')}${readFileSync(certificateFile, 'utf8')}`, { mode: 0o600 });
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': both,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': authorityFile,
  };
}

/** Gives the folder its cluster id, once; a folder that has one keeps it. */
function format(jars: string, folder: string, properties: string, clusterId?: string): string | undefined {
  if (existsSync(path.join(folder, 'data', 'meta.properties'))) return undefined;
  const id = clusterId ?? newClusterId();
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

function newClusterId(): string {
  return randomBytes(16).toString('base64url');
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

/** Asked at its own port: a proxy need not be there yet. A node of several answers when it knows of all. */
async function answers(port: number, { tls, node }: KafkaOptions): Promise<boolean> {
  const admin = new Admin({
    clientId: 'engine',
    bootstrapBrokers: [`127.0.0.1:${port}`],
    retries: 0,
    connectTimeout: 1_000,
    requestTimeout: 2_000,
    // Whether it is believed is its clients' matter.
    ...(tls === undefined ? {} : { tls: { rejectUnauthorized: false } }),
  });
  try {
    return (await admin.metadata({ topics: [] })).brokers.size === (node?.nodes ?? 1);
  } catch {
    return false;
  } finally {
    await admin.close();
  }
}
