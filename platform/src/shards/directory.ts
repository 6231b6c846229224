/**
 * The directory: on which place (a database server that the configuration names) each logical shard is.
 *
 * It is one row for each shard in a database that all processes of the service share, and the judge of every move: a move is
 * registered under an id of its own, and of ending it by the new place (`flip`) and ending it by the old one (`undo`)
 * exactly one succeeds, whoever tries and however late. Processes keep what they read and read again when the shard's
 * database turns out to be closed, so that the directory is not on the path of a request.
 */

export interface ShardRow {
  readonly shard: number;
  readonly place: string;
  /** Goes up with every move that was completed. */
  readonly epoch: bigint;
  /** Of a move under way. */
  readonly move?: ShardMove;
}

export interface ShardMove {
  /** One for each try. */
  readonly id: string;
  readonly to: string;
  /** Whoever finds the shard closed after this time may undo the move. Milliseconds since the epoch. */
  readonly leaseUntilMs: number;
}

export interface ShardDirectory {
  /** All shards, in order. */
  list(): Promise<readonly ShardRow[]>;
  /** Throws when there is no such shard. */
  find(shard: number): Promise<ShardRow>;
  /**
   * Registers a move from this place. False when the shard is elsewhere, or another move is under way and `instead` is not
   * its id; with it the other's id is worth nothing from now on.
   */
  begin(shard: number, from: string, move: ShardMove, instead?: string): Promise<boolean>;
  /** Says that the move goes on. False when it is not this one any more. */
  renew(shard: number, id: string, leaseUntilMs: number): Promise<boolean>;
  /** From now on the shard is where the move leads. False when the move is not under way. */
  flip(shard: number, id: string): Promise<boolean>;
  /** The shard stays where it is. False when the move is not under way. */
  undo(shard: number, id: string): Promise<boolean>;
  /** Keys that are kept on a shard of their own choice, at most `pinsMax`. */
  pins(): Promise<ReadonlyMap<string, number>>;
}

/** Pins are held in memory by every process. */
export const pinsMax = 100_000;
