/**
 * OpenSearch as one node, from the jars that the project publishes on Maven Central: the server, its HTTP door and its
 * further field types. A main of a few lines starts the node inside the process, as the project's own distribution
 * does after reading its configuration; nothing of it is committed. It runs apart, on free ports, in a folder of its own.
 *
 * Not in it: the security plug-in (no accounts, so it listens on the loopback alone) and Lucene's checks of a machine
 * that are for production. `durable` changes nothing: an index syncs each acknowledged write unless it was made otherwise.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Engine, type EngineOptions, engineCache, engineFolder, freePort, type RunningEngine } from './engine.ts';
import { startServer } from './server-process.ts';

export const opensearch: Engine = {
  name: 'opensearch',
  start: startOpensearch,
  testSetting: 'SUUUPRA_TEST_OPENSEARCH',
  platformSetting: 'SUUUPRA_OPENSEARCH_URL',
  tests: {
    include: [
      'platform/src/search/*.engines.test.ts',
      'tools/engines/opensearch-*.engines.test.ts',
      'services/search/src/**/*.test.ts',
    ],
    testMsMax: 120_000,
    // What the service has stored is in its own database.
    needs: ['postgres'],
  },
};

/** The last line that runs on Java 17; 3.x wants 21. */
const version = '2.19.4';
const startMsMax = 120_000;
const installMsMax = 600_000;

/** Starts a node, or answers a sentence that says why there is none. */
export async function startOpensearch(options: EngineOptions): Promise<RunningEngine | string> {
  const none = (why: string) => `No OpenSearch node of this machine: ${why}.`;
  if (spawnSync('javac', ['-version']).status !== 0) return none('there is no JDK (Debian: openjdk-17-jdk-headless)');
  const jars = engineCache(`opensearch-${version}`);
  if (!existsSync(jars)) {
    const problem = options.mayInstall
      ? installJars(jars)
      : `its jars are not installed (org.opensearch:opensearch:${version} with its modules, in ${jars})`;
    if (problem !== undefined) return none(problem);
  }
  const { folder, dispose } = engineFolder('opensearch', options);
  const [port, transportPort] = [await freePort(), await freePort()];
  mkdirSync(path.join(folder, 'config'), { recursive: true });
  writeFileSync(path.join(folder, 'config', 'opensearch.yml'), settings(folder, port, transportPort));
  const url = `http://127.0.0.1:${port}`;
  const server = await startServer({
    command: 'java',
    args: [
      ...['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-Djava.awt.headless=true', '-Dlog4j2.disable.jmx=true'],
      ...['-Dopensearch.networkaddress.cache.ttl=60', '--add-opens=java.base/java.nio=ALL-UNNAMED'],
      ...['-cp', `${jars}${path.sep}*${path.delimiter}${jars}`, 'OneNode', folder],
    ],
    answers: () => isReady(url),
    startMsMax,
    logFile: path.join(folder, 'server.log'),
    asOurselves: true,
  });
  if (typeof server === 'string') return none(server);
  return {
    name: 'OpenSearch',
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

function settings(folder: string, port: number, transportPort: number): string {
  const values: Record<string, string | number | boolean> = {
    'cluster.name': 'suuupra-engine',
    'node.name': 'one',
    'path.data': path.join(folder, 'data'),
    'path.logs': path.join(folder, 'logs'),
    'network.host': '127.0.0.1',
    'http.port': port,
    'transport.port': transportPort,
    'discovery.type': 'single-node',
    // A machine with other things to do may have a full disk by the engine's measure, and still room for tests.
    'cluster.routing.allocation.disk.threshold_enabled': false,
    'action.auto_create_index': false,
    'bootstrap.memory_lock': false,
    'node.store.allow_mmap': false,
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join('');
}

async function isReady(url: string): Promise<boolean> {
  try {
    const health = await fetch(`${url}/_cluster/health?timeout=1s&wait_for_status=yellow`, {
      signal: AbortSignal.timeout(2_000),
    });
    return health.ok;
  } catch {
    return false;
  }
}

/** Fetches the node and what it needs from Maven Central, and compiles its main; the folder appears when all is there. */
function installJars(jars: string): string | undefined {
  if (spawnSync('mvn', ['-version']).status !== 0) return 'there is no Maven on this machine to fetch it with';
  mkdirSync(path.dirname(jars), { recursive: true });
  const work = mkdtempSync(`${jars}-`);
  try {
    writeFileSync(path.join(work, 'pom.xml'), pom);
    writeFileSync(path.join(work, 'OneNode.java'), oneNode);
    const libraries = path.join(work, 'jars');
    const run = (command: string, ...args: string[]) =>
      spawnSync(command, args, { cwd: work, encoding: 'utf8', timeout: installMsMax });
    const fetched = run(
      'mvn',
      ...['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${libraries}`],
    );
    if (fetched.status !== 0) return `mvn failed: ${fetched.stdout.trim().slice(-300)}`;
    const compiled = run('javac', '-cp', path.join(libraries, '*'), '-d', libraries, 'OneNode.java');
    if (compiled.status !== 0) return `javac failed: ${compiled.stderr.trim().slice(-300)}`;
    renameSync(libraries, jars);
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const modules = ['transport-netty4-client', 'mapper-extras-client'];
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>suuupra</groupId><artifactId>engine-opensearch</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.opensearch</groupId><artifactId>opensearch</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.21.0</version></dependency>
    ${modules
      .map(
        (name) =>
          `<dependency><groupId>org.opensearch.plugin</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
      )
      .join('\n    ')}
  </dependencies>
</project>
`;

/** Modules are named, for on a class path the server finds none by itself. */
const oneNode = `
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.opensearch.common.settings.Settings;
import org.opensearch.index.mapper.MapperExtrasPlugin;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

public class OneNode extends Node {
  private OneNode(Settings settings, Path home) {
    super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), home.resolve("config"), () -> "one"),
        List.of(Netty4Plugin.class, MapperExtrasPlugin.class), false);
  }

  public static void main(String[] args) throws Exception {
    Path home = Path.of(args[0]);
    Node node = new OneNode(Settings.builder().put("path.home", home).build(), home);
    CountDownLatch ended = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (java.io.IOException error) {
        error.printStackTrace();
      }
      ended.countDown();
    }));
    node.start();
    ended.await();
  }
}
`;
