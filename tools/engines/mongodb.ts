/**
 * mongo-java-server (github.com/bwaldvogel/mongo-java-server, BSD), standing in for MongoDB: no registry that we use has a
 * `mongod`. It speaks the wire protocol and changes one document atomically; mongodb/MongoOnDisk.java has it commit to a file
 * before it answers. It has no multi-document transactions, no replica set and no accounts, and uses indexes for unique
 * keys only. FerretDB 1 was left aside: it reads and writes a document in two statements, so two updates lose one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MongoClient } from 'mongodb';
import { type Engine, type EngineOptions, engineCache, engineFolder, freePort, type RunningEngine } from './engine.ts';
import { startServer } from './server-process.ts';

export const mongodb: Engine = {
  name: 'mongodb',
  start: startMongodb,
  testSetting: 'SUUUPRA_TEST_MONGODB',
  platformSetting: 'SUUUPRA_MONGODB_URL',
  tests: {
    include: [
      'platform/src/documents/documents-mongodb.engines.test.ts',
      'tools/engines/mongodb/*.engines.test.ts',
      'services/content/src/**/*.test.ts',
    ],
    // Every file starts with a JVM that is still cold, and every search reads its whole collection.
    testMsMax: 240_000,
    needs: ['postgres'],
  },
};

const version = '1.47.0';
const startMsMax = 60_000;
const installMsMax = 300_000;

/** Starts a server, or answers a sentence that says why there is none. */
export async function startMongodb(options: EngineOptions): Promise<RunningEngine | string> {
  const none = (why: string) => `No MongoDB-speaking server of this machine: ${why}.`;
  if (spawnSync('java', ['-version']).status !== 0) return none('there is no Java 17 to run it with');
  const jars = engineCache(`mongo-java-server-${version}`);
  if (!existsSync(jars)) {
    const problem = options.mayInstall
      ? installJars(jars)
      : 'it is not fetched; CI=true npm run test:engines -- mongodb does that';
    if (problem !== undefined) return none(problem);
  }
  const { folder, dispose } = engineFolder('mongodb', options);
  const port = await freePort();
  const url = `mongodb://127.0.0.1:${port}/`;
  const program = path.join(import.meta.dirname, 'mongodb', 'MongoOnDisk.java');
  const started = await startServer({
    command: 'java',
    args: [
      ...['-Xmx512m', '-XX:+UseSerialGC', '-cp', path.join(jars, '*'), program],
      ...[path.join(folder, 'store'), String(port), options.durable ? 'durable' : 'volatile'],
    ],
    answers: () => answers(url),
    startMsMax,
    logFile: path.join(folder, 'server.log'),
    // The libraries are in a cache of ours, which nobody else can read.
    asOurselves: true,
  });
  if (typeof started === 'string') return none(started);
  return {
    name: 'mongo-java-server, standing in for MongoDB',
    version,
    url,
    get processId() {
      return started.processId;
    },
    crash: started.crash,
    restart: started.restart,
    stop: async () => {
      await started.end();
      dispose();
    },
  };
}

/** Fetches the server and what it needs from Maven Central; the folder appears when all of it is there. */
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
  <groupId>suuupra</groupId><artifactId>engine-mongodb</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>de.bwaldvogel</groupId><artifactId>mongo-java-server-h2-backend</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>2.0.16</version></dependency>
  </dependencies>
</project>
`;

async function answers(url: string): Promise<boolean> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 500 });
  try {
    await client.db('admin').command({ ping: 1 });
    return true;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}
