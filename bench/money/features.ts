/**
 * `npx node bench/money/features.ts`: what the features of the ledger cost in bulk, each alone and all together, in transfers
 * a second and CPU. The ledger has no switches for them: a bench database is without the indexes and snapshots that the
 * history needs, or has a monitor on every account; the hash of a batch is worked out again by itself.
 */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { realWorld } from '@suuupra/platform/world';
import { batchHash } from '../../services/ledger/src/chain.ts';
import type { LedgerCommand, MonitorOrder } from '../../services/ledger/src/command.ts';
import { createLedgerWriter, type LedgerWriter } from '../../services/ledger/src/ledger-writer.ts';
import type { StoredBatch } from '../../services/ledger/src/reader.ts';
import type { LedgerStore } from '../../services/ledger/src/store.ts';
import { postgresLedger } from '../../services/ledger/src/store-postgres.ts';
import { verifyLedger } from '../../services/ledger/src/verify.ts';
import { cpuMs, machine, median, spread, table } from '../measure.ts';
import { durablePostgres, type Engine } from './ledger.ts';
import { keepBusy, pairOf, seeded } from './loads.ts';

const accounts = 1_000;
const rounds = Number(process.env['SUUUPRA_BENCH_ROUNDS'] ?? 3);
const seconds = 3;
const warmUpSeconds = 1;
const bulkSize = 1_000;
const bulksAtOnce = 4;
const batchesPerRead = 50;
const never = 2n ** 62n;
/** What reads of the past and by reference go by; that ids are once only is no feature and stays. */
const historyIndexes = ['transfers_debit', 'transfers_credit', 'journals_reference', 'journals_effective'];

interface Variant {
  readonly name: string;
  readonly history: boolean;
  readonly monitors: boolean;
}

const variants: readonly Variant[] = [
  { name: 'neither', history: false, monitors: false },
  { name: 'history', history: true, monitors: false },
  { name: 'monitors', history: false, monitors: true },
  { name: 'both', history: true, monitors: true },
];

interface Measured {
  readonly perSecond: number[];
  readonly cpuUs: number[];
  /** Of the hash chain alone, worked out over the same batches. */
  readonly hashUs: number[];
}

function transfer([from, to]: readonly [number, number], cause: string): LedgerCommand {
  const about = { kind: 'adjustment', cause, reference: `bench:${cause}`, description: 'Bench', currency: 'INR' };
  return { type: 'book', ...about, transfers: [{ debit: `2200:usr_${from}`, credit: `2200:usr_${to}`, amount: 1n }] };
}

/** Far off: it is looked at for every journal and tells nothing. */
function monitorOf(number: number): MonitorOrder {
  return {
    ...{ type: 'monitor', kind: 'monitor_set', cause: `m${number}`, reference: 'bench', description: '' },
    ...{ currency: 'INR', account: `2200:usr_${number}`, monitorId: `m${number}` },
    ...{ direction: 'above', threshold: 1_000_000_000n, hysteresis: 1n },
  };
}

async function book(writer: LedgerWriter, commands: readonly LedgerCommand[]): Promise<void> {
  const answer = await writer.submit(commands);
  if (isRefusal(answer)) throw new Error(`the ledger refused: ${answer.code}`);
  const refused = answer.results.find((result) => result.kind !== 'posted');
  if (refused !== undefined) throw new Error(`a transfer was not booked: ${JSON.stringify(refused)}`);
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

async function measureOnce(engine: Engine, variant: Variant, round: number, into: Measured | undefined): Promise<void> {
  const { sql } = await engine.open(`features_${variant.name}_${round}`);
  const store = postgresLedger(sql, variant.history ? {} : { snapshotEvery: never });
  if (!variant.history) for (const index of historyIndexes) await sql.execute(`DROP INDEX ${index}`);
  const writer = createLedgerWriter(store, realWorld());
  if (variant.monitors) await book(writer, [...Array(accounts).keys()].map(monitorOf));
  const random = seeded(round + 1);
  const before = cpuMs(engine.processId) + ownCpuMs();
  const lasting = into === undefined ? warmUpSeconds : seconds;
  const ran = await keepBusy({ atOnce: bulksAtOnce, seconds: lasting, each: bulkSize }, (number) =>
    book(
      writer,
      Array.from({ length: bulkSize }, (_none, index) =>
        transfer(pairOf('uniform', accounts, random), `${number}-${index}`),
      ),
    ),
  );
  const spentMs = cpuMs(engine.processId) + ownCpuMs() - before;
  await writer.stop();
  const verified = await verifyLedger(store);
  if (!verified.intact) throw new Error(`the book is not intact with ${variant.name}: ${JSON.stringify(verified)}`);
  into?.perSecond.push(ran.perSecond);
  into?.cpuUs.push((spentMs * 1_000) / ran.done);
  into?.hashUs.push((await hashMs(store)) / (ran.done / 1_000));
  await sql.close();
}

/** CPU of hashing all batches again, as the writer did. */
async function hashMs(store: LedgerStore): Promise<number> {
  return store.reading(async (reader) => {
    let spent = 0;
    let last: StoredBatch | undefined;
    for (;;) {
      const batches = await reader.batches(last?.sequence ?? 0n, batchesPerRead);
      if (batches.length === 0) return spent;
      const before = process.cpuUsage();
      for (const batch of batches) {
        batchHash(last?.hash ?? new Uint8Array(32), batch);
        last = batch;
      }
      const { user, system } = process.cpuUsage(before);
      spent += (user + system) / 1_000;
    }
  });
}

export async function benchFeatures(): Promise<string> {
  const engine = await durablePostgres();
  const measured = new Map(
    variants.map((variant) => [variant.name, { perSecond: [], cpuUs: [], hashUs: [] } as Measured]),
  );
  try {
    for (const variant of variants) await measureOnce(engine, variant, 0, undefined);
    // Taken in turns, so that what the machine does meanwhile meets all alike.
    for (let round = 1; round <= rounds; round += 1)
      for (const variant of variants) await measureOnce(engine, variant, round, measured.get(variant.name));
  } finally {
    await engine.stop();
  }
  return report(measured);
}

function report(measured: ReadonlyMap<string, Measured>): string {
  const of = (name: string) => measured.get(name) ?? { perSecond: [], cpuUs: [], hashUs: [] };
  const hashUs = median([...measured.values()].flatMap((one) => one.hashUs));
  const least = median(of('neither').cpuUs) - hashUs;
  const ratio = (cpuUs: number) => (cpuUs / least).toFixed(2);
  return [
    '## What the features of the ledger cost',
    '',
    `${machine()}. In bulk on PostgreSQL 18, uniform load, ${accounts} accounts, ${rounds} runs of ${seconds} s in turns, median (least–most); every transfer on disk before it is answered, every book verified after. History: the indexes by account, reference and time, and the snapshots. Monitors: one on every account, never crossed. Audit hash: the CPU of hashing the same batches again. The least is the first line without its hash. CPU is Node's and the database's together; the target is at most 1.3.`,
    '',
    table(
      ['with', 'transfers/s', 'CPU µs a transfer', 'against the least'],
      [
        ['nothing (worked out)', '', least.toFixed(1), '1.00'],
        ['audit hash alone', spread(of('neither').perSecond), spread(of('neither').cpuUs, 1), ratio(least + hashUs)],
        [
          'history alone (worked out)',
          '',
          (median(of('history').cpuUs) - hashUs).toFixed(1),
          ratio(median(of('history').cpuUs) - hashUs),
        ],
        [
          'monitors alone (worked out)',
          '',
          (median(of('monitors').cpuUs) - hashUs).toFixed(1),
          ratio(median(of('monitors').cpuUs) - hashUs),
        ],
        [
          'hash and history',
          spread(of('history').perSecond),
          spread(of('history').cpuUs, 1),
          ratio(median(of('history').cpuUs)),
        ],
        [
          'hash and monitors',
          spread(of('monitors').perSecond),
          spread(of('monitors').cpuUs, 1),
          ratio(median(of('monitors').cpuUs)),
        ],
        ['all', spread(of('both').perSecond), spread(of('both').cpuUs, 1), ratio(median(of('both').cpuUs))],
      ],
    ),
  ].join('\n');
}

if (import.meta.main) console.log(await benchFeatures());
