/** A command of the desk under an Idempotency-Key: done once, answered alike however often it is asked for. */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import {
  beginIdempotent,
  finishIdempotent,
  type IdempotentCall,
  idempotencyScope,
} from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';

/**
 * A command holds a connection while the writer commits on another. So only few are under way at a time: were there as many
 * as the pool has connections, all would wait for one that none gives back.
 */
const atOnceMax = 2;
/** People's commands are rare; beyond this one is told to come back. */
const waitingMax = 100;

interface Turns {
  underWay: number;
  readonly waiting: (() => void)[];
}

const turnsOf = new WeakMap<Sql, Turns>();

async function inTurn<T>(sql: Sql, work: () => Promise<T | Refusal>): Promise<T | Refusal> {
  const turns = turnsOf.get(sql) ?? { underWay: 0, waiting: [] };
  turnsOf.set(sql, turns);
  if (turns.underWay < atOnceMax) turns.underWay += 1;
  else if (turns.waiting.length >= waitingMax) return refuse('busy', 'Too many commands wait for the book; try again.');
  else await new Promise<void>((resolve) => turns.waiting.push(resolve));
  try {
    return await work();
  } finally {
    // Whoever comes next takes over this one's place.
    const next = turns.waiting.shift();
    if (next === undefined) turns.underWay -= 1;
    else next();
  }
}

/**
 * `work` runs in the transaction that holds the key: another call with the same key waits, and then has its answer. What it
 * books commits by itself, under ids that make a repetition after a crash harmless. A refusal frees the key.
 */
export function once<I extends DescMessage, O extends DescMessage>(
  { sql, claimant }: { readonly sql: Sql; readonly claimant: string },
  asked: Pick<IdempotentCall<I, O>, 'method' | 'input' | 'request' | 'output'>,
  context: CallContext,
  work: (tx: SqlTransaction) => Promise<MessageShape<O> | Refusal>,
): Promise<MessageShape<O> | Refusal> {
  const call = { ...asked, scope: idempotencyScope(context), key: context.idempotencyKey, claimant };
  const claimed = async (tx: SqlTransaction) => {
    const claim = await beginIdempotent(tx, call);
    if (claim.kind === 'refused') return claim.refusal;
    if (claim.kind === 'answered') {
      context.answer.idempotentReplayed = true;
      return claim.answer;
    }
    const answer = await work(tx);
    if (!isRefusal(answer)) await finishIdempotent(tx, call, answer);
    return answer;
  };
  return inTurn(sql, () => refusableTransaction(sql, claimed));
}
