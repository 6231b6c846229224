/**
 * Moves a shard to another database while it serves.
 *
 *     register in the directory -> copy while it serves -> close it here -> copy the rest, compare
 *       -> the directory says it is there -> open it there
 *
 * At every moment at most one database of the shard is open, and it is the one that the directory names. Dying anywhere leaves
 * one owner: before the flip the old place, which whoever needs it opens again once the lease is over; after it the new
 * one, which whoever needs it opens at once. A move that was cut off is begun again and goes on from what is there.
 */

import type { World } from '../world.ts';
import type { ShardDirectory } from './directory.ts';
import type { ShardGate } from './gate.ts';

/** The copy is not what it was copied from. The shard stays where it is. */
export class CopyDiffers extends Error {
  constructor(what: string) {
    super(`the copy differs: ${what}`);
    this.name = 'CopyDiffers';
  }
}

/** Somebody else ended or took over the move. */
export class MoveLost extends Error {
  constructor(shard: number) {
    super(`the move of shard ${shard} was ended by somebody else`);
    this.name = 'MoveLost';
  }
}

/** How what is in one database gets into another, closed one. `token` is the epoch that the other is closed under. */
export interface ShardCopy {
  /**
   * Makes the database and its tables where there are none, and closes it. Gives the token. Whoever takes away what is there
   * calls `confirm` between the closing and that: it throws when the move was ended meanwhile, and what is there may be the
   * shard itself by now. When it does not, the token is worth nothing before the shard can be there.
   */
  prepare(confirm: () => Promise<void>): Promise<bigint>;
  /**
   * Copies some of what is missing, in order, and proves it where it can. Gives how many things are missing still, as
   * of now. Throws CopyDiffers; throws when it is not closed under the token any more.
   */
  copySome(token: bigint): Promise<bigint>;
  /** While it serves: compares what takes as long as there is of it. Throws CopyDiffers. */
  compare(): Promise<void>;
  /** Of a closed one: copies all the rest, and compares. Throws CopyDiffers. */
  finish(token: bigint): Promise<void>;
}

export interface MoveParts {
  readonly directory: ShardDirectory;
  readonly shard: number;
  /** Where `source` is. */
  readonly from: string;
  readonly to: string;
  readonly source: ShardGate;
  readonly target: ShardGate;
  readonly copy: ShardCopy;
  readonly world: Pick<World, 'now' | 'id'>;
  /** Ends another move of the shard to the same place, whose mover is known to be gone. */
  readonly resume?: boolean;
  /** Told each step before it is done; a test stops there. */
  readonly at?: (step: MoveStep) => Promise<void>;
}

export type MoveStep = 'register' | 'prepare' | 'copy' | 'compare' | 'renew' | 'close' | 'finish' | 'flip' | 'open';

export interface Moved {
  /** While the shard took nothing. */
  readonly pauseMs: number;
  readonly rounds: number;
}

/** From the closing on a mover has this long before others take the shard back. */
export const leaseMs = 30_000;
/** It is closed when at most so many things (journals, changes) are missing: the fewer, the shorter the pause. */
const missingAtClose = 200n;
/** On one that is written faster than this goes, from so many rounds on that so many will do. */
const roundsPatient = 50;
const missingAtCloseMax = 2_000n;
/** A copy that does not catch up with what is written in so many rounds of one chunk each is given up. */
const roundsMax = 1_000_000;

/** Throws CopyDiffers, MoveLost, or what the databases throw; then the shard is where it was, or the move can be resumed. */
export async function moveShard(parts: MoveParts): Promise<Moved> {
  const { directory, shard, to, source, target, copy, world } = parts;
  const at = parts.at ?? (async () => {});
  await at('register');
  const id = await register(parts);
  await at('prepare');
  const goOn = async () => {
    if (!(await directory.renew(shard, id, world.now() + leaseMs))) throw new MoveLost(shard);
  };
  const token = await copy.prepare(goOn);
  let rounds = await catchUp(parts, token, at);
  await at('compare');
  await copy.compare();
  rounds += await catchUp(parts, token, at);
  await at('renew');
  await goOn();
  await at('close');
  const startedMs = performance.now();
  const closedAt = await source.close();
  try {
    await at('finish');
    await copy.finish(token);
    await at('flip');
    if (!(await directory.flip(shard, id))) throw new MoveLost(shard);
  } catch (error) {
    if (await directory.undo(shard, id)) {
      await source.open(closedAt);
      throw error;
    }
    // An answer that was lost: it is there after all, or somebody else has ended the move.
    if ((await directory.find(shard)).place !== to) throw error;
  }
  await at('open');
  await target.open(token);
  return { pauseMs: performance.now() - startedMs, rounds };
}

async function register({ directory, shard, from, to, world, resume }: MoveParts): Promise<string> {
  const row = await directory.find(shard);
  if (row.place !== from) throw new Error(`shard ${shard} is on ${row.place}, not on ${from}`);
  if (from === to) throw new Error(`shard ${shard} is on ${to} already`);
  const id = world.id('mov');
  const { move } = row;
  if (move !== undefined && resume !== true)
    throw new Error(`shard ${shard} is being moved to ${move.to}; resume that, or undo it`);
  if (move !== undefined && move.to !== to) throw new Error(`the move of shard ${shard} leads to ${move.to}`);
  const begun = await directory.begin(shard, from, { id, to, leaseUntilMs: world.now() + leaseMs }, move?.id);
  if (!begun) throw new MoveLost(shard);
  return id;
}

async function catchUp({ copy }: MoveParts, token: bigint, at: (step: MoveStep) => Promise<void>): Promise<number> {
  for (let round = 1; round <= roundsMax; round += 1) {
    await at('copy');
    const missing = await copy.copySome(token);
    if (missing <= (round < roundsPatient ? missingAtClose : missingAtCloseMax)) return round;
  }
  throw new Error(`the copy did not catch up in ${roundsMax} rounds`);
}

/**
 * Ends a move that goes on no more, by the old place. False when there is none. A mover that lives after all finds its move
 * gone and changes nothing. `from` is where `source` is: false as well when the shard went on from there meanwhile, as what
 * it left must stay closed.
 */
export async function undoMove(
  directory: ShardDirectory,
  shard: number,
  source: ShardGate,
  from?: string,
): Promise<boolean> {
  const closedAt = await source.epoch();
  const { place, move } = await directory.find(shard);
  if (move === undefined || (from ?? place) !== place) return false;
  if (!(await directory.undo(shard, move.id))) return false;
  if (closedAt < 0n) await source.open(closedAt);
  return true;
}
