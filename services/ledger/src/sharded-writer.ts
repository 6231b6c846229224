/**
 * The way into a book of many shards: gives each command to the writer of its shard, and puts the answers together.
 *
 * What is of one shard costs nothing more than in a book of one. Positions that it gives are times of the book (see
 * sharded-reader.ts), numbers of journals say their shard.
 */
import { isRefusal, Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { ShardMoving } from '@suuupra/platform/shards/follower';
import { globalNumber } from '@suuupra/platform/shards/shard-of';
import type { KnownJournal } from './command.ts';
import { cross, crossingOf } from './crossings.ts';
import { type CommandResult, identity, type LedgerCommand, needsOf } from './ledger.ts';
import type { DryRun, LedgerWriter, SubmitOptions, Submitted } from './ledger-writer.ts';
import { type Route, routeOf, type ShardMap } from './shard-route.ts';
import type { LedgerStore } from './store.ts';

export interface WriterShard {
  readonly writer: LedgerWriter;
  readonly store: LedgerStore;
}

const retryAfterSeconds = 1;

export function createShardedWriter(shards: readonly WriterShard[], map: ShardMap): LedgerWriter {
  const sharded = new ShardedWriter(shards, map);
  return {
    submit: (commands, options = {}) => sharded.submit(commands, options),
    submitMany: (groups, options = {}) => Promise.all(groups.map((commands) => sharded.submit(commands, options))),
    dryRun: (commands, options = {}) => sharded.dryRun(commands, options),
    expireDue: async () => {
      const dueMs = await Promise.all(shards.map(({ writer }) => writer.expireDue()));
      const known = dueMs.filter((ms) => ms !== undefined);
      return known.length === 0 ? undefined : Math.min(...known);
    },
    stop: async () => {
      await Promise.all(shards.map(({ writer }) => writer.stop()));
    },
  };
}

class ShardedWriter {
  readonly #shards: readonly WriterShard[];
  readonly #map: ShardMap;

  constructor(shards: readonly WriterShard[], map: ShardMap) {
    this.#shards = shards;
    this.#map = map;
  }

  async submit(commands: readonly LedgerCommand[], options: SubmitOptions): Promise<Submitted | Refusal> {
    const routes = await Promise.all(commands.map((command) => this.#route(command)));
    const only = oneShard(routes);
    if (only !== undefined) return this.#submitTo(only, commands, options);
    if (options.mode === 'atomic' && commands.length > 1) return refuseAtomic();
    if (options.mode === 'stop') return this.#untilRefused(commands, routes, options);
    return this.#eachByItself(commands, routes, options);
  }

  async dryRun(commands: readonly LedgerCommand[], options: SubmitOptions): Promise<DryRun | Refusal> {
    const routes = await Promise.all(commands.map((command) => this.#route(command)));
    const only = oneShard(routes);
    if (only !== undefined) return this.#dryRunOn(only, commands, options);
    if (options.mode === 'atomic' && commands.length > 1) return refuseAtomic();
    const runs: DryRun[] = [];
    for (const [index, command] of commands.entries()) {
      const run = await this.#tryOne(command, routes[index] as Route, options);
      if (isRefusal(run)) return run;
      runs.push(run);
    }
    const sequence = runs.reduce((latest, run) => (run.sequence > latest ? run.sequence : latest), 0n);
    return {
      results: runs.flatMap((run) => run.results),
      accounts: runs.flatMap((run) => run.accounts),
      crossings: runs.flatMap((run) => run.crossings),
      sequence,
    };
  }

  /** Both ends of a crossing are tried; what one end would do does not count for the other. */
  async #tryOne(command: LedgerCommand, route: Route, options: SubmitOptions): Promise<DryRun | Refusal> {
    const none = { accounts: [], crossings: [], sequence: 0n };
    const parts = partsOf(command, route);
    if (route.kind === 'refused') return { results: [rejected(route)], ...none };
    const tried: DryRun[] = [];
    for (const { shard, command: part } of parts) {
      const run = await this.#dryRunOn(shard, [part], options);
      if (isRefusal(run)) return run;
      tried.push(run);
    }
    return {
      results: [merged(tried.flatMap((run) => run.results))],
      accounts: tried.flatMap((run) => run.accounts),
      crossings: tried.flatMap((run) => run.crossings),
      sequence: tried[0]?.sequence ?? 0n,
    };
  }

  async #dryRunOn(
    shard: number,
    commands: readonly LedgerCommand[],
    options: SubmitOptions,
  ): Promise<DryRun | Refusal> {
    const run = await waitless(() => this.#writerOf(shard).dryRun(commands, options));
    return isRefusal(run) ? run : { ...run, ...numbered(shard, run.results) };
  }

  async #submitTo(
    shard: number,
    commands: readonly LedgerCommand[],
    options: SubmitOptions,
  ): Promise<Submitted | Refusal> {
    const submitted = await waitless(() => this.#writerOf(shard).submit(commands, options));
    return isRefusal(submitted) ? submitted : numbered(shard, submitted.results);
  }

  /** All at once; one shard that takes nothing refuses the call, whatever became of the rest: asked again it is the same. */
  async #eachByItself(
    commands: readonly LedgerCommand[],
    routes: readonly Route[],
    options: SubmitOptions,
  ): Promise<Submitted | Refusal> {
    const results = await Promise.all(
      commands.map((command, index) => this.#do(command, routes[index] as Route, options)),
    );
    return together(results);
  }

  async #untilRefused(
    commands: readonly LedgerCommand[],
    routes: readonly Route[],
    options: SubmitOptions,
  ): Promise<Submitted | Refusal> {
    const results: CommandResult[] = [];
    for (const [index, command] of commands.entries()) {
      if (results.at(-1)?.kind === 'rejected' || results.at(-1)?.kind === 'skipped') {
        results.push({ kind: 'skipped' });
        continue;
      }
      const result = await this.#do(command, routes[index] as Route, options);
      if (isRefusal(result)) return result;
      results.push(result);
    }
    return together(results);
  }

  async #do(command: LedgerCommand, route: Route, { cause }: SubmitOptions): Promise<CommandResult | Refusal> {
    const options = cause === undefined ? {} : { cause };
    if (route.kind === 'refused') return rejected(route);
    if (route.kind === 'crossing') {
      const { from, to } = route;
      const result = await waitless(() => cross(this.#writerOf(from), this.#writerOf(to), route, options));
      return isRefusal(result) ? result : numberedOne(from, result);
    }
    const answers = await Promise.all(
      partsOf(command, route).map(({ shard, command: part }) => this.#submitTo(shard, [part], options)),
    );
    const refused = answers.find(isRefusal);
    return refused ?? merged(answers.flatMap((answer) => (isRefusal(answer) ? [] : answer.results)));
  }

  /** What names another journal goes where that is; looked for in all shards, which few commands need. */
  async #route(command: LedgerCommand): Promise<Route> {
    const route = routeOf(command, this.#map);
    if (route.kind !== 'wherever') return route;
    const needs = needsOf([command]);
    const own = identity(command.kind, command.cause);
    let isCrossing = false;
    const found = await Promise.all(
      this.#shards.map(async ({ store }) => {
        const { known, targets, lines } = await store.load({ ...needs, accounts: [] });
        isCrossing ||= [...targets.values()].flat().some((journal) => crossingOf(journal) !== undefined);
        if (known.has(own)) return 2;
        return [...targets.values()].some((journals) => journals.length > 0) || lines.size > 0 ? 1 : 0;
      }),
    );
    // Resolved here it would have moved on one side alone.
    if (isCrossing && command.type === 'resolve')
      return {
        kind: 'refused',
        reason: 'not_a_hold',
        detail: `${command.target} is on its way between two shards, which finish it or give it back`,
      };
    const shard = ([2, 1] as const).map((sign) => found.indexOf(sign)).find((at) => at >= 0);
    return { kind: 'one', shard: shard ?? route.otherwise };
  }

  #writerOf(shard: number): LedgerWriter {
    const found = this.#shards[shard];
    if (found === undefined) throw new RangeError(`there is no shard ${shard}`);
    return found.writer;
  }
}

function oneShard(routes: readonly Route[]): number | undefined {
  const [first] = routes;
  if (first?.kind !== 'one') return routes.length === 0 ? 0 : undefined;
  return routes.every((route) => route.kind === 'one' && route.shard === first.shard) ? first.shard : undefined;
}

function partsOf(command: LedgerCommand, route: Route): readonly { shard: number; command: LedgerCommand }[] {
  switch (route.kind) {
    case 'one':
      return [{ shard: route.shard, command }];
    case 'parts':
      return route.parts;
    case 'crossing':
      return [
        { shard: route.from, command: route.held },
        { shard: route.to, command: route.booked },
      ];
    default:
      return [];
  }
}

function rejected({ reason, detail }: Route & { readonly kind: 'refused' }): CommandResult {
  return { kind: 'rejected', reason, detail, fields: [] };
}

/** The parts of one journal as one: refused when one of them is, told apart by nothing when all are in. */
function merged(results: readonly CommandResult[]): CommandResult {
  const by = (kind: CommandResult['kind']) => results.find((result) => result.kind === kind);
  return by('rejected') ?? by('skipped') ?? by('posted') ?? by('duplicate') ?? { kind: 'nothing' };
}

function refuseAtomic(): Refusal {
  return refuse('invalid_request', 'Journals that are booked all or none are of one merchant, or of none.', [
    { field: 'mode', code: 'not_allowed', detail: 'continue or stop, or one call for each merchant' },
  ]);
}

/** A shard that is being moved refuses, for a moment, what it cannot take. */
async function waitless<T>(work: () => Promise<T | Refusal>): Promise<T | Refusal> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ShardMoving)) throw error;
    const detail = 'This part of the book is being moved; send it again in a moment, with the same ids.';
    return new Refusal('unavailable', detail, [], retryAfterSeconds);
  }
}

function together(results: readonly (CommandResult | Refusal)[]): Submitted | Refusal {
  const refused = results.find(isRefusal);
  if (refused !== undefined) return refused;
  const given = results.flatMap((result) => (isRefusal(result) ? [] : [result]));
  return { results: given, sequence: latestOf(given) };
}

function numbered(shard: number, results: readonly CommandResult[]): Submitted {
  const given = results.map((result) => numberedOne(shard, result));
  return { results: given, sequence: latestOf(given) };
}

function numberedOne(shard: number, result: CommandResult): CommandResult {
  if (result.kind === 'posted') return { kind: 'posted', journal: numberedJournal(shard, result.journal) };
  if (result.kind !== 'duplicate') return result;
  const journal = numberedJournal(shard, result.journal);
  return { kind: 'duplicate', sequence: journal.sequence, journal };
}

function numberedJournal<J extends { readonly sequence: bigint }>(shard: number, journal: J): J {
  return { ...journal, sequence: globalNumber(shard, journal.sequence) };
}

/** When the last of them was recorded: the position after them. */
function latestOf(results: readonly CommandResult[]): bigint {
  const times = results.flatMap((result) =>
    result.kind === 'posted' || result.kind === 'duplicate'
      ? ((result.journal as Partial<KnownJournal>).recordedAtUs ?? [])
      : [],
  );
  return times.reduce((latest, time) => (time > latest ? time : latest), 0n);
}
