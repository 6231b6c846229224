/**
 * `npm run money:verify -- --data DIR` or `-- --url postgres://… [--ledger URL] [--payments URL] [--kafka URL]
 * [--wait SECONDS]`: do the books of all services agree?
 *
 * It first has the ledger check its own book (`npm run ledger:verify`; of a ledger with SUUUPRA_LEDGER_SHARDS each shard's
 * book and what went between them, `npm run shards -- verify`), then reads what every service has written about money and
 * holds it against the others'. It only reads, but for the databases of shards that nothing was ever booked in, which it
 * makes. While the platform runs, what is under way differs for a moment: `--wait` looks again until all agrees or the time
 * is over. It ends with 0 when everything agrees, 1 when something does not, with each difference and the ids of it, and 2
 * when it could not be checked.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ConfigError } from '@suuupra/platform/config';
import { openKeyring } from '@suuupra/platform/keys/keys-file';
import { readShardSettings, type ShardSettings } from '@suuupra/platform/shards/places';
import { openSql } from '@suuupra/platform/sql/open-sql';
import type { Sql } from '@suuupra/platform/sql/sql';
import { startEmbeddedPostgres } from '@suuupra/platform/sql/sql-embedded';
import { parseKafkaUrl } from '@suuupra/platform/stream/kafka-url';
import { openKafkaStream } from '@suuupra/platform/stream/stream-kafka';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { realWorld } from '@suuupra/platform/world';
import { checkMoney, checks, type Finding } from './money-check.ts';
import {
  deadLettersIn,
  deadLettersOf,
  type MoneyDatabase,
  type MoneyFacts,
  moneyDatabases,
  readMoney,
} from './money-facts.ts';

/** A report that nobody reads to its end helps nobody. */
const findingsShownMax = 200;
const waitSecondsMax = 600;
const lookAgainMs = 500;
const ledgerFolder = path.join(path.dirname(import.meta.dirname), 'services', 'ledger', 'src');

interface Asked {
  readonly dataFolder: string;
  readonly url: string;
  readonly ledger: string;
  readonly payments: string;
  readonly kafka: string;
  readonly waitMs: number;
}

/** Gives the exit code. */
export async function runVerifyMoney(args: readonly string[], print: (line: string) => void): Promise<number> {
  const closing: (() => Promise<void>)[] = [];
  try {
    const asked = readArgs(args);
    const urls = asked.url === '' ? await openFolder(asked.dataFolder, closing) : urlsOn(asked.url);
    const urlOf = (name: MoneyDatabase) => (name === 'ledger' || name === 'payments' ? asked[name] : '') || urls(name);
    const shards = readShardSettings('ledger', process.env);
    const ledgerCode = verifyLedger(asked, urlOf('ledger'), shards, print);
    if (ledgerCode === 2) return 2;
    const opened = new Map<MoneyDatabase, Sql>();
    for (const name of moneyDatabases) {
      const sql = await openSql({ url: urlOf(name), connectionsMax: 1, durability: 'not needed' });
      closing.push(() => sql.close());
      opened.set(name, sql);
    }
    const setAside = await openDeadLetters(asked, urls, closing);
    const { facts, findings } = await look(
      () => readMoney((name) => opened.get(name) as Sql, setAside, shards, readShardSettings('payments', process.env)),
      asked.waitMs,
    );
    report(facts, findings, print);
    return ledgerCode === 0 && findings.length === 0 ? 0 : 1;
  } catch (error) {
    print(`The books could not be checked: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

function readArgs(args: readonly string[]): Asked {
  const text = { type: 'string' } as const;
  const options = { data: text, url: text, ledger: text, payments: text, kafka: text, wait: text };
  const { values } = parseArgs({ args: [...args], options });
  const wait = values.wait ?? '0';
  if (!/^\d{1,3}$/.test(wait) || Number(wait) > waitSecondsMax)
    throw new ConfigError(`--wait is "${wait}"; it must be a whole number of seconds from 0 to ${waitSecondsMax}`);
  return {
    dataFolder: path.resolve(values.data ?? process.env['SUUUPRA_DATA'] ?? 'data'),
    url: values.url ?? '',
    ledger: values.ledger ?? '',
    payments: values.payments ?? '',
    kafka: values.kafka ?? '',
    waitMs: Number(wait) * 1_000,
  };
}

type Urls = (name: MoneyDatabase | 'stream') => string;

function urlsOn(server: string): Urls {
  return (name) => {
    const url = new URL(server);
    url.pathname = `/suuupra_${name}`;
    return url.href;
  };
}

/** The databases of a data folder: on its server when that runs, else on one that runs for the check. */
async function openFolder(dataFolder: string, closing: (() => Promise<void>)[]): Promise<Urls> {
  const folder = path.join(dataFolder, 'postgres');
  if (!existsSync(path.join(folder, 'cluster', 'PG_VERSION')))
    throw new ConfigError(`there is no embedded database in ${dataFolder}; give --data DIR or --url postgres://…`);
  const keys = await openKeyring(path.join(dataFolder, 'keys.json'));
  const password = Buffer.from(await keys.secret('postgres')).toString('base64url');
  const server = await startEmbeddedPostgres({ folder, password });
  if (!server.adopted) closing.push(() => server.stop());
  return urlsOn(await server.database('postgres'));
}

/** The ledger's own command, on the same server; its code. */
function verifyLedger(
  { dataFolder, url, ledger }: Asked,
  ledgerUrl: string,
  shards: ShardSettings | undefined,
  print: (line: string) => void,
): number {
  const ofOne = url === '' && ledger === '' ? ['--data', dataFolder] : ['--url', ledgerUrl];
  const [command, ...args] =
    shards === undefined ? ['verify-command.ts', ...ofOne] : ['shards-command.ts', 'verify', '--url', ledgerUrl];
  const program = path.join(ledgerFolder, command ?? '');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  for (const line of `${stdout}${stderr}`.trimEnd().split('\n')) print(`ledger: ${line}`);
  return status ?? 2;
}

/** Where events are that could not be applied: on the stream, of whichever kind it is. */
async function openDeadLetters(
  { kafka }: Asked,
  urls: Urls,
  closing: (() => Promise<void>)[],
): Promise<() => Promise<readonly string[]>> {
  if (kafka === '') {
    const sql = await openSql({ url: urls('stream'), connectionsMax: 1, durability: 'not needed' });
    closing.push(() => sql.close());
    return () => deadLettersIn(sql);
  }
  const telemetry = openTelemetry({ logLevel: 'warn', traceShare: 0, otlpEndpoint: '' });
  closing.push(() => telemetry.close());
  const stream = await openKafkaStream({
    ...parseKafkaUrl(kafka),
    clientId: 'suuupra-verify',
    telemetry: telemetry.forService('stream'),
    world: realWorld(),
  });
  closing.push(() => stream.close());
  return () => deadLettersOf(stream);
}

async function look(
  read: () => Promise<MoneyFacts>,
  waitMs: number,
): Promise<{ readonly facts: MoneyFacts; readonly findings: readonly Finding[] }> {
  const untilMs = performance.now() + waitMs;
  for (;;) {
    const facts = await read();
    const findings = checkMoney(facts);
    if (findings.length === 0 || performance.now() >= untilMs) return { facts, findings };
    await delay(lookAgainMs);
  }
}

function report(facts: MoneyFacts, findings: readonly Finding[], print: (line: string) => void): void {
  for (const { name, count } of checks) {
    const wrong = findings.filter(({ check }) => check === name).length;
    print(`${name}: ${count(facts)} looked at, ${wrong === 0 ? 'all agree' : `${wrong} DO NOT AGREE`}`);
  }
  for (const { check, ids, says } of findings.slice(0, findingsShownMax))
    print(`${check}: ${ids.join(', ')}: ${says}.`);
  if (findings.length > findingsShownMax) print(`… and ${findings.length - findingsShownMax} more.`);
  print(findings.length === 0 ? 'All books agree.' : `THE BOOKS DO NOT AGREE: ${findings.length} differences.`);
}

if (import.meta.main) process.exitCode = await runVerifyMoney(process.argv.slice(2), (line) => console.log(line));
