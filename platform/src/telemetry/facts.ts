/**
 * Business figures, counted where the fact is made: as an event is told, after the commit of the transaction that tells
 * it. So a figure counts what happened, once, and never what was rolled back. Each process counts its own; sums are the
 * reader's matter.
 */
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type { SqlTransaction } from '../sql/sql.ts';
import type { Publish } from '../stream/outbox.ts';

export interface CountedFact {
  readonly schema: DescMessage;
  readonly count: (event: never) => void;
}

/** Binds a count to the event it counts. It must not throw: the fact is committed. */
export function counted<D extends DescMessage>(schema: D, count: (event: MessageInitShape<D>) => void): CountedFact {
  return { schema, count };
}

/** The same `publishIn`, with these facts counted after the commit. */
export function countFacts(
  publishIn: (tx: SqlTransaction) => Publish,
  facts: readonly CountedFact[],
): (tx: SqlTransaction) => Publish {
  const counts = new Map(facts.map(({ schema, count }) => [schema.typeName, count as (event: unknown) => void]));
  return (tx) => {
    const publish = publishIn(tx);
    return async (schema, event, cause) => {
      await publish(schema, event, cause);
      const count = counts.get(schema.typeName);
      if (count !== undefined) tx.afterCommit(() => count(event));
    };
  };
}

/** Amounts as a metric can hold them: exact below 2^53 minor units. */
export function minorUnits(money: { readonly amountMinor?: bigint } | undefined): number {
  return Number(money?.amountMinor ?? 0n);
}
