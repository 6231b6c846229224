/**
 * Reads that may be a bounded time old, from replicas of a database, and from the database itself when none is fresh enough.
 *
 * How old a replica is, is measured against the primary and not by the replica's own word: the primary is asked for its place
 * in the log, with the time before the question; a replica that has replayed up to that place knows all that was committed
 * before that time. So the bound holds also for a replica that is cut off from its primary, and whatever the clocks say.
 */
import { type SqlExecutor, SqlFault, type SqlRow, type SqlValue, type StaleReader } from './sql.ts';

export interface Replica {
  readonly sql: Pick<SqlExecutor, 'query'>;
  /** The place up to which it has replayed; undefined when it is no replica any more. */
  replayed(): Promise<bigint | undefined>;
}

export interface StaleReads {
  /** Reads that are at most `lagMsMax` old. */
  reader(lagMsMax: number): StaleReader;
}

export interface StaleReadsOptions {
  readonly primary: SqlExecutor;
  /** The place of the primary's log, up to which everything is committed now. */
  written(): Promise<bigint>;
  readonly replicas: readonly Replica[];
  /** Milliseconds of a clock that only goes on. */
  readonly clock: () => number;
}

/** Replicas are measured while they are asked for, so often. A bound below twice this hardly meets a replica. */
const measureEveryMs = 200;
/** One that is so far behind that its sample is no longer kept is of no use to anybody. */
const samplesMax = 300;

interface Sample {
  readonly place: bigint;
  readonly atMs: number;
}

export function openStaleReads(options: StaleReadsOptions): StaleReads {
  const { primary, written, replicas, clock } = options;
  const samples: Sample[] = [];
  /** The time of which each replica knows everything before it. */
  const knownUntilMs = replicas.map(() => Number.NEGATIVE_INFINITY);
  let measuredMs = Number.NEGATIVE_INFINITY;
  let next = 0;

  const look = async (replica: Replica, index: number) => {
    const place = await replica.replayed();
    const reached = place === undefined ? undefined : samples.findLast((sample) => sample.place <= place);
    knownUntilMs[index] = reached?.atMs ?? Number.NEGATIVE_INFINITY;
  };
  const measure = async () => {
    const atMs = clock();
    samples.push({ place: await written(), atMs });
    if (samples.length > samplesMax) samples.shift();
    // One that does not answer is asked again the next time, and used by nobody until then.
    await Promise.all(
      replicas.map((replica, index) =>
        look(replica, index).catch(() => {
          knownUntilMs[index] = Number.NEGATIVE_INFINITY;
        }),
      ),
    );
  };
  const measureNowAndThen = () => {
    if (clock() - measuredMs < measureEveryMs) return;
    measuredMs = clock();
    // A primary that is away is heard of by whoever reads or writes there; its replicas grow too old meanwhile.
    measure().catch(() => {});
  };
  const choose = (lagMsMax: number): number | undefined => {
    const nowMs = clock();
    const fresh = [...replicas.keys()].filter((index) => nowMs - (knownUntilMs[index] ?? 0) <= lagMsMax);
    next += 1;
    return fresh[next % Math.max(1, fresh.length)];
  };

  return {
    reader: (lagMsMax) => ({
      dialect: primary.dialect,
      async query<Row extends SqlRow>(text: string, values?: readonly SqlValue[]) {
        if (!/^\s*SELECT\b/i.test(text)) throw new TypeError('a stale reader runs SELECT and nothing else');
        if (replicas.length > 0) measureNowAndThen();
        const index = choose(lagMsMax);
        const replica = index === undefined ? undefined : replicas[index];
        if (index === undefined || replica === undefined) return primary.query<Row>(text, values);
        try {
          return await replica.sql.query<Row>(text, values);
        } catch (error) {
          // Away, a conflict with what it replays, a table it does not have yet: the primary has the last word.
          if (!(error instanceof SqlFault) || wrote(error)) throw error;
          if (error.kind === 'unavailable') knownUntilMs[index] = Number.NEGATIVE_INFINITY;
          return primary.query<Row>(text, values);
        }
      },
    }),
  };
}

/** 25006: a SELECT that would have changed something. */
function wrote({ cause }: SqlFault): boolean {
  return (cause as { code?: string } | undefined)?.code === '25006';
}
