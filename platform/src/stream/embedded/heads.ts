/**
 * The newest known position of each partition, and who waits for it to move. Appends of this process move it at once,
 * those of others by a notification, and a look at the tables once a second catches what was missed.
 */
import { keyText, type PartitionKey } from './tables.ts';

export interface Heads {
  /** Positions only grow; an older one is passed over. */
  advance(key: PartitionKey, position: bigint): void;
  at(key: PartitionKey): bigint;
  /** Resolves when the partition has a record after `position`, or the signal is aborted. */
  past(key: PartitionKey, position: bigint, signal: AbortSignal): Promise<void>;
}

interface Head {
  position: bigint;
  readonly waiting: Set<() => void>;
}

export function createHeads(): Heads {
  const heads = new Map<string, Head>();
  const headOf = (key: PartitionKey): Head => {
    const text = keyText(key);
    let head = heads.get(text);
    if (head === undefined) {
      head = { position: 0n, waiting: new Set() };
      heads.set(text, head);
    }
    return head;
  };
  return {
    advance(key, position) {
      const head = headOf(key);
      if (position <= head.position) return;
      head.position = position;
      for (const wake of [...head.waiting]) wake();
    },
    at: (key) => headOf(key).position,
    async past(key, position, signal) {
      const head = headOf(key);
      while (head.position <= position && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            head.waiting.delete(wake);
            signal.removeEventListener('abort', wake);
            resolve();
          };
          head.waiting.add(wake);
          signal.addEventListener('abort', wake);
        });
      }
    },
  };
}
