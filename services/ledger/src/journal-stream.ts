/**
 * Journals that come as a stream: booked in groups while they come, one result for each, in their order.
 *
 * One group is under way; what comes meanwhile is the next one, so that reading and committing overlap, the groups are the
 * larger the faster the lines come, and a stream never fills the writer's queue for others. A line may name the journal of
 * a line before it. Who reads waits while a full group is gathered, and while its caller does not take the results.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isRefusal, type Refusal, RpcFault } from '@suuupra/platform/rpc/rpc';
import type { JournalLine } from './journal-lines.ts';
import { type BookedOutcome, bookedOf } from './journal-orders.ts';
import type { CommandResult, GroupMode } from './ledger.ts';
import type { LedgerWriter, SubmitOptions } from './ledger-writer.ts';

/** Journals of one group: half of what the writer takes as one batch, so that others find room in it. */
export const groupMax = 1_000;
/** How long a group is offered to a writer that is busy, or to a shard that moves. Nothing of it was begun. */
const offeredMsMax = 60_000;
const pauseMsFirst = 50;
const pauseMsMax = 1_000;

export interface StreamOptions {
  readonly mode: Exclude<GroupMode, 'atomic'>;
  readonly cause?: SubmitOptions['cause'];
  /** Aborted when the caller is gone: what is under way is finished, nothing more is begun. */
  readonly signal: AbortSignal;
  /** Resolves when there is room for more. */
  readonly write: (results: readonly BookedOutcome[]) => Promise<void>;
}

export interface StreamTotals {
  readonly posted: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly skipped: number;
  /** The book's last journal after the last group; 0 when nothing was asked of it. */
  readonly sequence: bigint;
}

export class JournalStream {
  readonly #writer: LedgerWriter;
  readonly #options: StreamOptions;
  readonly #totals = { posted: 0, duplicate: 0, rejected: 0, skipped: 0, sequence: 0n };
  #gathered: JournalLine[] = [];
  #pumping: Promise<void> | undefined;
  #taken = Promise.withResolvers<void>();
  #isStopped = false;
  #fault: { readonly error: unknown } | undefined;
  /** Of who waits now: a promise that all of them raced with would keep what each waited for until the end. */
  #tell: ((error: unknown) => void) | undefined;

  constructor(writer: LedgerWriter, options: StreamOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  /**
   * As `promise`; rejects as soon as a group could not be booked: its lines, and those after, have no result. One at a time.
   */
  orFault<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== undefined) return reject(this.#fault.error);
      this.#tell = reject;
      promise.then(resolve, reject);
    });
  }

  /** Resolves when more may come. */
  async push(lines: readonly JournalLine[]): Promise<void> {
    for (const line of lines) {
      this.#gathered.push(line);
      this.#start();
      while (this.#gathered.length >= groupMax) await this.orFault(this.#taken.promise);
    }
  }

  /** Resolves when nothing is under way any more, however it ended; once the signal is aborted that is soon. */
  async settled(): Promise<void> {
    await this.#pumping?.catch(() => {});
  }

  /** Resolves when every line that came has its result. */
  async end(): Promise<StreamTotals> {
    await this.orFault(this.#pumping ?? Promise.resolve());
    return this.#totals;
  }

  #start(): void {
    // What comes in this same turn goes along.
    this.#pumping ??= Promise.resolve().then(() => this.#pump());
  }

  async #pump(): Promise<void> {
    try {
      while (this.#gathered.length > 0) {
        const group = takeGroup(this.#gathered);
        this.#taken.resolve();
        this.#taken = Promise.withResolvers();
        await this.#options.write(await this.#book(group));
      }
      this.#pumping = undefined;
    } catch (error) {
      this.#fault = { error };
      this.#tell?.(error);
    }
  }

  async #book(lines: readonly JournalLine[]): Promise<BookedOutcome[]> {
    const wrongAt = this.#options.mode === 'stop' ? lines.findIndex(({ order }) => order === undefined) : -1;
    const results = await this.#submit(this.#isStopped ? [] : lines.slice(0, wrongAt < 0 ? lines.length : wrongAt));
    return lines.map((line, index) => {
      const result = this.#isStopped ? skipped(line) : resultOf(line, results.get(index));
      this.#isStopped ||= this.#options.mode === 'stop' && result.outcome === 'rejected';
      this.#totals[result.outcome] += 1;
      return result;
    });
  }

  /** By the place of the line. */
  async #submit(lines: readonly JournalLine[]): Promise<ReadonlyMap<number, CommandResult>> {
    const asked = lines.flatMap(({ order }, index) => (order === undefined ? [] : [{ index, order }]));
    if (asked.length === 0) return new Map();
    const { mode, signal, cause } = this.#options;
    const commands = asked.map(({ order }) => order);
    const submitted = await offer(
      () => this.#writer.submit(commands, { mode, ...(cause !== undefined && { cause }) }),
      signal,
    );
    this.#totals.sequence = submitted.sequence;
    return new Map(asked.map(({ index }, at) => [index, submitted.results[at] ?? { kind: 'skipped' }]));
  }
}

/**
 * Up to groupMax lines, in order. One that names another journal begins a group when others came before it: in a book of
 * many shards it is looked for among what is committed.
 */
function takeGroup(gathered: JournalLine[]): JournalLine[] {
  const namesAnother = (line: JournalLine | undefined) => line?.order !== undefined && 'target' in line.order;
  const first = namesAnother(gathered[0]);
  const other = gathered.findIndex((line) => namesAnother(line) && !first);
  return gathered.splice(0, Math.min(groupMax, other < 0 ? gathered.length : other));
}

function resultOf(line: JournalLine, result: CommandResult | undefined): BookedOutcome {
  const { id } = line;
  if (line.order === undefined) return { id, outcome: 'rejected', reason: 'invalid_request', detail: line.wrong };
  return bookedOf(id, result);
}

function skipped({ id }: JournalLine): BookedOutcome {
  return { id, outcome: 'skipped' };
}

/** All lines or none, as one group of the writer. Refuses what the writer refuses: then nothing was begun. */
export async function bookAtOnce(
  writer: LedgerWriter,
  lines: readonly JournalLine[],
  { cause, signal }: Pick<StreamOptions, 'cause' | 'signal'>,
): Promise<{ readonly results: readonly BookedOutcome[]; readonly totals: StreamTotals } | Refusal> {
  const none = { posted: 0, duplicate: 0, rejected: 0, skipped: 0 };
  const orders = lines.flatMap(({ order }) => (order === undefined ? [] : [order]));
  if (orders.length < lines.length) {
    const first = lines.findIndex(({ order }) => order === undefined);
    const results = lines.map((line, index) => (index === first ? resultOf(line, undefined) : skipped(line)));
    return { results, totals: { ...none, rejected: 1, skipped: lines.length - 1, sequence: 0n } };
  }
  signal.throwIfAborted();
  const submitted = await writer.submit(orders, { mode: 'atomic', ...(cause !== undefined && { cause }) });
  if (isRefusal(submitted)) return submitted;
  const results = lines.map((line, index) => resultOf(line, submitted.results[index]));
  const totals = { ...none };
  for (const { outcome } of results) totals[outcome] += 1;
  return { results, totals: { ...totals, sequence: submitted.sequence } };
}

/** Again and again while it is told to come back, which is before anything was begun. */
async function offer<T>(submit: () => Promise<T | Refusal>, signal: AbortSignal): Promise<T> {
  const untilMs = performance.now() + offeredMsMax;
  for (let pauseMs = pauseMsFirst; ; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
    signal.throwIfAborted();
    const answer = await submit();
    if (!isRefusal(answer)) return answer;
    if (!['busy', 'unavailable'].includes(answer.code) || performance.now() > untilMs)
      throw new RpcFault('unavailable', answer.detail);
    await delay(pauseMs, undefined, { signal });
  }
}
