/**
 * `npm run ledger:verify -- --data DIR` or `-- --url postgres://… or mysql://… [--objects DIR] [--shard N]
 * [--metrics FILE.prom]`: is the book what was written? Of a book of shards each is looked at by its own address; all of them by `npm run shards -- verify`.
 *
 * It only reads. It may run while the platform does, on the folder's own server, or start that server for the time of the
 * check. It ends with 0 when the book is intact, 1 when it is not, 2 when it could not be checked.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '@suuupra/platform/config';
import { openKeyring } from '@suuupra/platform/keys/keys-file';
import { openDiskObjects } from '@suuupra/platform/objects/objects-disk';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { startEmbeddedPostgres } from '@suuupra/platform/sql/sql-embedded';
import { realWorld } from '@suuupra/platform/world';
import { ledgerStores } from './adapters.ts';
import { type Anchor, readAnchors } from './anchors.ts';
import type { LedgerReading } from './reader.ts';
import { type Verdict, verifyLedger } from './verify.ts';
import { writeVerifyMetrics } from './verify-metrics.ts';

const databaseName = 'suuupra_ledger';

interface Asked {
  readonly dataFolder: string;
  readonly url: string;
  readonly objectsFolder: string;
  /** Whose anchors: each shard's database is a book, given by its --url. */
  readonly shard: number;
  /** Where Prometheus finds the result; '' nowhere. */
  readonly metricsFile: string;
}

/** Gives the exit code. */
export async function runVerify(args: readonly string[], print: (line: string) => void): Promise<number> {
  const closing: (() => Promise<void>)[] = [];
  try {
    const asked = readArgs(args);
    const url = asked.url === '' ? await openFolder(asked.dataFolder, closing) : asked.url;
    const sql = await openSql({ url, connectionsMax: 2, durability: 'not needed' });
    closing.push(() => sql.close());
    const { store } = ledgerStores(sql);
    const anchors = await anchorsOf(asked, store);
    const startedMs = performance.now();
    const verdict = await verifyLedger(store, anchors);
    const tookMs = performance.now() - startedMs;
    report(verdict, tookMs, print);
    const checked = { verdict, shard: asked.shard, endedAtMs: realWorld().now(), tookMs };
    if (asked.metricsFile !== '') await writeVerifyMetrics(asked.metricsFile, checked);
    return verdict.intact ? 0 : 1;
  } catch (error) {
    print(`The book could not be checked: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

function readArgs(args: readonly string[]): Asked {
  const text = { type: 'string' } as const;
  const options = { data: text, url: text, objects: text, shard: text, metrics: text };
  const { values } = parseArgs({ args: [...args], options });
  const dataFolder = path.resolve(values.data ?? process.env['SUUUPRA_DATA'] ?? 'data');
  const url = values.url ?? '';
  const objects =
    values.objects ?? (url === '' || values.data !== undefined ? path.join(dataFolder, 'objects', 'ledger') : '');
  const shard = values.shard ?? '0';
  if (!/^\d{1,4}$/.test(shard)) throw new ConfigError(`--shard is "${shard}"; it is the number of a shard, from 0 on.`);
  const metricsFile = values.metrics ?? '';
  if (metricsFile !== '' && !metricsFile.endsWith('.prom'))
    throw new ConfigError(`--metrics is "${metricsFile}"; node_exporter reads files that end in .prom.`);
  return { dataFolder, url, objectsFolder: objects, shard: Number(shard), metricsFile };
}

/** The database of a data folder: on its server when that runs, else on one that runs for the check. */
async function openFolder(dataFolder: string, closing: (() => Promise<void>)[]): Promise<string> {
  const folder = path.join(dataFolder, 'postgres');
  if (!existsSync(path.join(folder, 'cluster', 'PG_VERSION')))
    throw new ConfigError(`there is no embedded database in ${dataFolder}; give --data DIR or --url postgres://…`);
  const keys = await openKeyring(path.join(dataFolder, 'keys.json'));
  const password = Buffer.from(await keys.secret('postgres')).toString('base64url');
  const server = await startEmbeddedPostgres({ folder, password });
  if (!server.adopted) closing.push(() => server.stop());
  return server.database(databaseName);
}

async function anchorsOf({ objectsFolder: folder, shard }: Asked, store: LedgerReading): Promise<Anchor[]> {
  if (folder === '' || !existsSync(folder)) return [];
  const world = realWorld();
  const [first] = await store.reading((reader) => reader.batches(0n, 1));
  const objects = await openDiskObjects({ folder, world });
  const beganMs = first === undefined ? world.now() : Number(first.recordedAtUs / 1_000n);
  return readAnchors(objects, beganMs, world.now(), shard);
}

function report(verdict: Verdict, tookMs: number, print: (line: string) => void): void {
  const { batches, journals, transfers, rejections, snapshots, periods, anchors, soldLines } = verdict;
  print(`batches ${batches}, journals ${journals}, transfers ${transfers}, refused commands ${rejections}`);
  print(`snapshots ${snapshots}, sealed periods ${periods}, sold lines ${soldLines}, anchors ${anchors}`);
  print(`${(tookMs / 1_000).toFixed(1)} s`);
  if (anchors === 0n)
    print('There are no anchors: a tail that was cut off with the writer\u2019s row would not be found.');
  if (verdict.intact) {
    print(`The book is intact. Its head is ${Buffer.from(verdict.hash).toString('hex')}.`);
    return;
  }
  const { place, found, expected, firstBadSequence } = verdict.difference;
  print(`THE BOOK IS NOT WHAT WAS WRITTEN. At ${place}: found ${found}; expected ${expected}.`);
  if (firstBadSequence !== undefined) print(`First bad sequence: ${firstBadSequence}.`);
}

if (import.meta.main) process.exitCode = await runVerify(process.argv.slice(2), (line) => console.log(line));
