/**
 * Transfers a second of the ledger, in bulk and one a request, on PostgreSQL and on MariaDB, against the plain-SQL ledger
 * on the same PostgreSQL. Every transfer is on disk before it is answered; after each run the book is replayed and checked.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql } from '@suuupra/platform/sql/sql';
import { startEmbeddedPostgres } from '@suuupra/platform/sql/sql-embedded';
import { ensureMysqlDatabaseUrl } from '@suuupra/platform/sql/sql-mysql';
import { realWorld } from '@suuupra/platform/world';
import type { LedgerCommand } from '../../services/ledger/src/command.ts';
import { createLedgerWriter, type LedgerWriter } from '../../services/ledger/src/ledger-writer.ts';
import type { LedgerStore } from '../../services/ledger/src/store.ts';
import { mysqlLedger } from '../../services/ledger/src/store-mysql.ts';
import { postgresLedger } from '../../services/ledger/src/store-postgres.ts';
import { verifyLedger } from '../../services/ledger/src/verify.ts';
import { startMariadb } from '../../tools/engines/mariadb.ts';
import { cpuMs, machine, median, spread, table } from '../measure.ts';
import { keepBusy, type LoadName, loadNames, pairOf, type Ran, seeded } from './loads.ts';
import { openPlainLedger } from './plain-ledger.ts';

const accounts = 1_000;
const rounds = 3;
const seconds = 2;
const warmUpSeconds = 1;
/** Commands of one bulk call, and calls under way. */
const bulkSize = 1_000;
const bulksAtOnce = 4;
/** Callers that each wait for their one transfer. */
const callers = 1_000;
const plainConnections = 16;
const world = realWorld();

export interface Engine {
  readonly name: string;
  readonly processId: number;
  open(name: string): Promise<{ readonly sql: Sql; readonly store: LedgerStore; readonly url: string }>;
  stop(): Promise<void>;
}

/** PostgreSQL as `npm start` brings it, durable, in a folder that goes away. */
export async function durablePostgres(): Promise<Engine> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-bench-postgres-'));
  const server = await startEmbeddedPostgres({ folder, password: 'bench' });
  return {
    name: 'PostgreSQL 18',
    processId: postmasterId(folder),
    open: async (name) => {
      const url = await server.database(name);
      const sql = await openSql({ url });
      await prepareServiceDatabase(sql);
      await sql.migrate(fileURLToPath(new URL('../../services/ledger/migrations/', import.meta.url)));
      return { sql, store: postgresLedger(sql), url };
    },
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Wherever below the folder the server keeps its data. */
function postmasterId(folder: string): number {
  for (const place of ['cluster', 'data', '.']) {
    try {
      return Number(readFileSync(path.join(folder, place, 'postmaster.pid'), 'utf8').split('\n')[0]);
    } catch {
      // Not there.
    }
  }
  return 0;
}

export async function durableMariadb(): Promise<Engine | string> {
  const server = await startMariadb({ mayInstall: process.env['CI'] === 'true', durable: true });
  if (typeof server === 'string') return server;
  return {
    name: server.version.replace(/^.*Ver ([\d.]+)-MariaDB.*$/s, 'MariaDB $1'),
    processId: server.processId,
    open: async (name) => {
      const url = await ensureMysqlDatabaseUrl(server.url, name);
      const sql = await openSql({ url });
      await prepareServiceDatabase(sql);
      await sql.migrate(fileURLToPath(new URL('../../services/ledger/migrations-mysql/', import.meta.url)));
      return { sql, store: mysqlLedger(sql), url };
    },
    stop: () => server.stop(),
  };
}

function transfer([from, to]: readonly [number, number], cause: string): LedgerCommand {
  return {
    type: 'book',
    kind: 'adjustment',
    cause,
    reference: 'bench',
    description: 'Bench',
    currency: 'INR',
    transfers: [{ debit: `2200:usr_${from}`, credit: `2200:usr_${to}`, amount: 1n }],
  };
}

interface Row {
  readonly engine: string;
  readonly way: string;
  readonly load: LoadName;
  readonly runs: readonly Ran[];
  readonly cpuUs: readonly number[];
}

async function measureLedger(engine: Engine, way: 'bulk' | 'one a request', load: LoadName): Promise<Row> {
  const runs: Ran[] = [];
  const cpuUs: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const { sql, store } = await engine.open(`bench_${way === 'bulk' ? 'bulk' : 'single'}_${load}_${round}`);
    const writer = createLedgerWriter(store, world);
    const random = seeded(round + 1);
    const lasting = round === 0 ? warmUpSeconds : seconds;
    const before = cpuMs(engine.processId) + ownCpuMs();
    const ran =
      way === 'bulk' ? await inBulk(writer, load, random, lasting) : await oneByOne(writer, load, random, lasting);
    const spentMs = cpuMs(engine.processId) + ownCpuMs() - before;
    await writer.stop();
    const verified = await verifyLedger(store);
    if (!verified.intact)
      throw new Error(`the book is not intact after ${way} on ${load}: ${JSON.stringify(verified)}`);
    await sql.close();
    // The first round warms up.
    if (round === 0) continue;
    runs.push(ran);
    cpuUs.push((spentMs * 1_000) / ran.done);
  }
  return { engine: engine.name, way, load, runs, cpuUs };
}

function inBulk(writer: LedgerWriter, load: LoadName, random: () => number, seconds: number): Promise<Ran> {
  return keepBusy({ atOnce: bulksAtOnce, seconds, each: bulkSize }, async (number) => {
    const commands = Array.from({ length: bulkSize }, (_, index) =>
      transfer(pairOf(load, accounts, random), `${number}-${index}`),
    );
    granted(await writer.submit(commands));
  });
}

function oneByOne(writer: LedgerWriter, load: LoadName, random: () => number, seconds: number): Promise<Ran> {
  return keepBusy({ atOnce: callers, seconds }, async (number) => {
    granted(await writer.submit([transfer(pairOf(load, accounts, random), `${number}`)]));
  });
}

function granted(answer: Awaited<ReturnType<LedgerWriter['submit']>>): void {
  if (isRefusal(answer)) throw new Error(`the ledger refused: ${answer.code}`);
  const refused = answer.results.find((result) => result.kind !== 'posted');
  if (refused !== undefined) throw new Error(`a transfer was not booked: ${JSON.stringify(refused)}`);
}

async function measurePlain(engine: Engine, load: LoadName): Promise<Row> {
  const runs: Ran[] = [];
  const cpuUs: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const { sql, url } = await engine.open(`bench_plain_${load}_${round}`);
    await sql.execute('CREATE SCHEMA plain');
    const peer = new URL(url);
    peer.searchParams.set('options', '-c search_path=plain');
    const plain = await openPlainLedger(peer.href, accounts, plainConnections);
    const random = seeded(round + 1);
    const before = cpuMs(engine.processId) + ownCpuMs();
    const lasting = round === 0 ? warmUpSeconds : seconds;
    const ran = await keepBusy({ atOnce: plainConnections, seconds: lasting }, async () => {
      const [from, to] = pairOf(load, accounts, random);
      await plain.transfer(from, to, 1n);
    });
    const spentMs = cpuMs(engine.processId) + ownCpuMs() - before;
    await plain.assertConserved();
    await plain.close();
    await sql.close();
    if (round === 0) continue;
    runs.push(ran);
    cpuUs.push((spentMs * 1_000) / ran.done);
  }
  return { engine: engine.name, way: 'plain SQL, one a transaction', load, runs, cpuUs };
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

export async function benchLedger(): Promise<string> {
  const postgres = await durablePostgres();
  const mariadb = await durableMariadb();
  const rows: Row[] = [];
  try {
    for (const load of loadNames) {
      rows.push(await measurePlain(postgres, load));
      for (const engine of [postgres, mariadb]) {
        if (typeof engine === 'string') continue;
        rows.push(await measureLedger(engine, 'one a request', load));
        rows.push(await measureLedger(engine, 'bulk', load));
      }
    }
  } finally {
    await postgres.stop();
    if (typeof mariadb !== 'string') await mariadb.stop();
  }
  return report(rows, typeof mariadb === 'string' ? mariadb : '');
}

function report(rows: readonly Row[], without: string): string {
  const plainOf = (load: LoadName) =>
    median(
      rows
        .filter((row) => row.load === load && row.way.startsWith('plain'))
        .flatMap((row) => row.runs.map((run) => run.perSecond)),
    );
  return [
    '## The ledger',
    '',
    `${machine()}. ${accounts} accounts, ${rounds} runs of ${seconds} s after one of ${warmUpSeconds} s, median (least–most). Every transfer is a journal of its own with its place in the hash chain, and on disk before it is answered (fsync on); after each run the book was replayed and held against its totals. In bulk: ${bulksAtOnce} calls of ${bulkSize} commands under way. One a request: ${callers} callers that each wait for one command, without HTTP. The peer is the scheme of pgledger in plain SQL (bench/money/plain-ledger.ts) with ${plainConnections} connections, which is where it is fastest here. CPU is Node's and the database's together. ${without}`.trim(),
    '',
    table(
      ['load', 'engine', 'way', 'transfers/s', 'against plain SQL', 'p50 ms', 'p99 ms', 'CPU µs a transfer'],
      rows.map((row) => {
        const perSecond = row.runs.map((run) => run.perSecond);
        return [
          row.load,
          row.engine,
          row.way,
          spread(perSecond),
          `${(median(perSecond) / plainOf(row.load)).toFixed(1)} ×`,
          median(row.runs.map((run) => run.p50Ms)).toFixed(1),
          median(row.runs.map((run) => run.p99Ms)).toFixed(1),
          median(row.cpuUs).toFixed(0),
        ];
      }),
    ),
  ].join('\n');
}

if (import.meta.main) console.log(await benchLedger());
