/**
 * Answers that the contract declares to be the same for everybody, kept as bytes for the seconds it allows. Asked for by
 * nobody in particular, so that no caller's view can reach another; equal questions at the same time are asked once.
 */
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { World } from '@suuupra/platform/world';
import { LRUCache } from 'lru-cache';
import { type Coding, type Compressor, etagOf } from './answer.ts';
import type { GatewayLimits } from './limits.ts';

export interface CachedAnswer {
  readonly bytes: Buffer;
  readonly etag: string;
  /** Compressed once, when first asked for. */
  coded(coding: Coding): Promise<Buffer | undefined>;
}

export interface AnswerCache {
  get(
    key: string,
    keepMs: number,
    load: () => Promise<{ readonly bytes: Buffer; readonly etag: string | undefined } | Refusal>,
  ): Promise<CachedAnswer | Refusal>;
}

interface Kept {
  readonly answer: CachedAnswer;
  readonly untilMs: number;
}

export function openAnswerCache(
  world: Pick<World, 'now'>,
  compressor: Compressor,
  limits: Pick<GatewayLimits, 'answersCachedBytesMax' | 'answersCachedMax'>,
): AnswerCache {
  const kept = new LRUCache<string, Kept>({
    max: limits.answersCachedMax,
    maxSize: limits.answersCachedBytesMax,
    sizeCalculation: ({ answer }, key) => answer.bytes.byteLength * 2 + key.length * 2,
  });
  const loading = new Map<string, Promise<CachedAnswer | Refusal>>();

  return {
    get: (key, keepMs, load) => {
      const known = kept.get(key);
      if (known !== undefined && known.untilMs > world.now()) return Promise.resolve(known.answer);
      const pending = loading.get(key);
      if (pending !== undefined) return pending;
      const loaded = load()
        .then((answer) => {
          if (isRefusal(answer)) return answer;
          const cached = cachedAnswer(answer.bytes, etagOf(answer.etag, answer.bytes), compressor);
          kept.set(key, { answer: cached, untilMs: world.now() + keepMs });
          return cached;
        })
        .finally(() => loading.delete(key));
      loading.set(key, loaded);
      return loaded;
    },
  };
}

function cachedAnswer(bytes: Buffer, etag: string, compressor: Compressor): CachedAnswer {
  const byCoding = new Map<Coding, Promise<Buffer | undefined>>();
  return {
    bytes,
    etag,
    coded: (coding) => {
      const known = byCoding.get(coding);
      if (known !== undefined) return known;
      const made = compressor.compress(bytes, coding);
      byCoding.set(coding, made);
      // Too busy to compress now is not an answer for later.
      void made.then((result) => result === undefined && byCoding.delete(coding));
      return made;
    },
  };
}
