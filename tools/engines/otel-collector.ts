/**
 * The OpenTelemetry Collector (opentelemetry.io/docs/collector, Apache-2.0) with one receiver, OTLP over HTTP and gRPC, and
 * one exporter that writes what came as lines of OTLP JSON. Built from the Go module proxy, as its own builder would, into
 * a cache folder; nothing of it is committed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Engine, type EngineOptions, engineCache, engineFolder, freePort, type RunningEngine } from './engine.ts';
import { startServer } from './server-process.ts';

const version = 'v0.158.0';
const startMsMax = 30_000;
const buildMsMax = 900_000;

/** What its builder (ocb) writes from a manifest. */
const program = `package main

import (
	"log"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func factories() (otelcol.Factories, error) {
	receivers, err := otelcol.MakeFactoryMap(otlpreceiver.NewFactory())
	if err != nil {
		return otelcol.Factories{}, err
	}
	exporters, err := otelcol.MakeFactoryMap(fileexporter.NewFactory())
	if err != nil {
		return otelcol.Factories{}, err
	}
	return otelcol.Factories{Receivers: receivers, Exporters: exporters, Telemetry: otelconftelemetry.NewFactory()}, nil
}

func main() {
	providers := []confmap.ProviderFactory{fileprovider.NewFactory()}
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "otel-collector", Version: "${version}"},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{ProviderFactories: providers, DefaultScheme: "file"},
		},
	})
	if err := command.Execute(); err != nil {
		log.Fatal(err)
	}
}
`;

const modules = `module suuupra/otel-collector

go 1.25.0

require (
	github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter ${version}
	go.opentelemetry.io/collector/otelcol ${version}
	go.opentelemetry.io/collector/receiver/otlpreceiver ${version}
)
`;

export const otelCollector: Engine = {
  name: 'otel-collector',
  start: startCollector,
  testSetting: 'SUUUPRA_TEST_OTLP',
  tests: { include: ['platform/src/telemetry/*.engines.test.ts'], needs: ['postgres'] },
};

async function startCollector(options: EngineOptions): Promise<RunningEngine | string> {
  const none = (why: string) => `No OpenTelemetry Collector: ${why}.`;
  const built = engineCache(`otel-collector-${version}`);
  const command = path.join(built, 'otel-collector');
  if (!existsSync(command)) {
    const problem = options.mayInstall ? build(built) : `it is not built (Go modules ${version})`;
    if (problem !== undefined) return none(problem);
  }
  const home = engineFolder('otel-collector', options);
  const [http, grpc] = [await freePort(), await freePort()];
  const config = path.join(home.folder, 'config.yaml');
  writeFileSync(config, configOf(home.folder, http, grpc), { mode: 0o644 });
  const url = `http://127.0.0.1:${http}`;
  const server = await startServer({
    command,
    args: ['--config', `file:${config}`],
    logFile: path.join(home.folder, 'collector.log'),
    answers: async () => (await fetch(`${url}/v1/traces`).catch(() => undefined)) !== undefined,
    startMsMax,
    asOurselves: true,
  });
  if (typeof server === 'string') {
    home.dispose();
    return none(server);
  }
  return {
    name: 'OpenTelemetry Collector',
    version,
    // Where it listens, and, after the mark, where it writes: a test reads there what the collector took.
    url: `${url}#${path.join(home.folder, 'traces.jsonl')}`,
    get processId() {
      return server.processId;
    },
    crash: server.crash,
    restart: server.restart,
    stop: async () => {
      await server.end();
      home.dispose();
    },
  };
}

function configOf(folder: string, http: number, grpc: number): string {
  return `receivers:
  otlp:
    protocols:
      http: { endpoint: "127.0.0.1:${http}" }
      grpc: { endpoint: "127.0.0.1:${grpc}" }
exporters:
  file: { path: "${path.join(folder, 'traces.jsonl')}", flush_interval: 100ms }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [file] }
`;
}

function build(folder: string): string | undefined {
  if (spawnSync('go', ['version']).status !== 0) return 'there is no Go on this machine to build it with';
  const source = path.join(folder, 'source');
  mkdirSync(source, { recursive: true });
  writeFileSync(path.join(source, 'main.go'), program);
  writeFileSync(path.join(source, 'go.mod'), modules);
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' };
  // The imports of modules' own tests are not ours to find (-e).
  for (const args of [
    ['mod', 'tidy', '-e'],
    ['build', '-o', path.join(folder, 'otel-collector'), '.'],
  ]) {
    const { status, stderr } = spawnSync('go', args, { cwd: source, env, encoding: 'utf8', timeout: buildMsMax });
    if (status !== 0) return `go ${args[0]} failed: ${stderr.trim().slice(-300)}`;
  }
  return undefined;
}
