/** What one `apply` works on: the state of the book that was looked up, and the working copy of it. Pure. */
import { type AccountState, newAccount } from './account.ts';
import type { RejectedCommand } from './chain.ts';
import { accountKey, type Known, type KnownJournal } from './command.ts';
import type { SoldLine } from './journals.ts';

/** Where the book stands: the writer's row. */
export interface Place {
  readonly epoch: bigint;
  readonly batchSequence: bigint;
  readonly journalSequence: bigint;
  readonly recordedAtUs: bigint;
  readonly hash: Uint8Array;
  /** End of the last sealed period; 0 when none is sealed. */
  readonly sealedUntilUs: bigint;
}

/** What was looked up for the commands. */
export interface Loaded {
  /** By accountKey; an account that is not open yet is absent. */
  readonly accounts: ReadonlyMap<string, AccountState>;
  /** Journals and final rejections that exist, by identity. */
  readonly known: ReadonlyMap<string, Known>;
  /** By line id. */
  readonly lines: ReadonlyMap<string, SoldLine>;
  /** The journals that a target may mean, by the target as it was given. */
  readonly targets: ReadonlyMap<string, readonly KnownJournal[]>;
}

export interface LedgerState extends Loaded {
  readonly place: Place;
}

/** A monitor whose balance moved across its threshold. */
export interface BalanceCrossing {
  readonly monitorId: string;
  readonly account: string;
  readonly currency: string;
  readonly direction: 'above' | 'below';
  readonly threshold: bigint;
  readonly balance: bigint;
  /** True when it went beyond, false when it came back by more than the hysteresis. */
  readonly isBeyond: boolean;
  /** The journal that moved it. */
  readonly sequence: bigint;
}

/** The working copy of one `apply`. What changes it is undone when its group fails. */
export interface Working {
  readonly state: LedgerState;
  readonly recordedAtUs: bigint;
  readonly accounts: Map<string, AccountState>;
  readonly known: Map<string, Known>;
  readonly lines: Map<string, SoldLine>;
  /** New journals by cause and by id; undefined when no command of the batch names another journal. */
  readonly fresh: Map<string, readonly KnownJournal[]> | undefined;
  /** Journals that were resolved or reversed by this batch, by sequence. */
  readonly marked: Map<bigint, KnownJournal>;
  readonly posted: KnownJournal[];
  readonly rejected: RejectedCommand[];
  readonly crossings: BalanceCrossing[];
  /** Whether what is done now may have to be undone: it is of a group, or of a command that makes several journals. */
  mayRollBack: boolean;
  readonly undo: (() => void)[];
}

export function nextSequence(working: Working): bigint {
  return working.state.place.journalSequence + BigInt(working.posted.length) + 1n;
}

export function accountNow(working: Working, code: string, currency: string): AccountState {
  const key = accountKey(code, currency);
  return working.accounts.get(key) ?? working.state.accounts.get(key) ?? newAccount;
}

export function markedOf(working: Working, journal: KnownJournal): KnownJournal {
  return working.marked.get(journal.sequence) ?? journal;
}
