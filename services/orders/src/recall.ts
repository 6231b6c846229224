/**
 * What is remembered in the cache, and only there to be faster (M34): the database has all of it, and every answer is the
 * same without. Two things: answers under an Idempotency-Key, which never change once they are committed; and what a cart
 * would cost, for a few seconds and only while everything of ours that it was worked out from is the same. What the cache
 * loses, refuses or garbles is asked of the database.
 */
import { createHash } from 'node:crypto';
import { type DescMessage, equals, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { Cache } from '@suuupra/platform/cache/cache';
import { type Claim, finishIdempotent, type IdempotentCall, lookIdempotent } from '@suuupra/platform/sql/idempotency';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import type { Cart } from './cart.ts';
import type { CartPreview } from './cart-view.ts';
import { codeKey } from './coupon.ts';
import { jsonOf, withAmounts } from './stored-event.ts';

export type Recall = Pick<Cache, 'get' | 'set'>;

interface Remembering {
  readonly sql: SqlExecutor;
  readonly cache: Recall;
  readonly log: Log;
}

/** Repetitions of a call come within minutes; later ones find the database. */
const answerKeptMs = 600_000;
/** What other services say of a price or of access may be so old in a cart that is looked at; never in a checkout. */
export const previewKeptMs = 5_000;

/** As `lookIdempotent`, which it asks when the cache does not know. */
export async function lookAnswer<I extends DescMessage, O extends DescMessage>(
  parts: Remembering,
  call: IdempotentCall<I, O>,
): Promise<Claim<O>> {
  const answer = await tried(parts, 'read', async () => {
    const kept = await parts.cache.get(answerKey(call));
    return kept === undefined ? undefined : answerIn(kept, call);
  });
  // Another request under the key, too, is the database's to refuse.
  return answer === undefined ? lookIdempotent(parts.sql, call) : { kind: 'answered', answer };
}

/** As `finishIdempotent`; what it has stored is remembered once it is committed, and not before. */
export async function finishRemembered<I extends DescMessage, O extends DescMessage>(
  parts: Remembering,
  tx: SqlTransaction,
  call: IdempotentCall<I, O>,
  answer: MessageShape<O>,
): Promise<void> {
  await finishIdempotent(tx, call, answer);
  tx.afterCommit(() => {
    void tried(parts, 'write', () => parts.cache.set(answerKey(call), kept(call, answer), answerKeptMs));
  });
}

function answerKey({ scope, method, key }: Pick<IdempotentCall<DescMessage, DescMessage>, 'scope' | 'method' | 'key'>) {
  return keyOf('answer', [scope, method, key]);
}

function keyOf(what: string, parts: readonly string[]): string {
  return `orders:${what}:${createHash('sha256').update(JSON.stringify(parts)).digest('base64url')}`;
}

/** The length of the request, the request, the answer. */
function kept<I extends DescMessage, O extends DescMessage>(
  { input, request, output }: IdempotentCall<I, O>,
  answer: MessageShape<O>,
): Uint8Array {
  const asked = toBinary(input, request);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(asked.length);
  return Buffer.concat([length, asked, toBinary(output, answer)]);
}

/** Undefined when it answers another request. */
function answerIn<I extends DescMessage, O extends DescMessage>(
  bytes: Uint8Array,
  { input, request, output }: IdempotentCall<I, O>,
): MessageShape<O> | undefined {
  const end = 4 + Buffer.from(bytes).readUInt32BE(0);
  const first = fromBinary(input, bytes.subarray(4, end));
  return equals(input, first, request) ? fromBinary(output, bytes.subarray(end)) : undefined;
}

/** What the cart would cost, worked out anew unless all of ours that it depends on is as it was a few seconds ago. */
export async function rememberedPreview(
  parts: Remembering,
  ownerId: string,
  cart: Cart,
  nowMs: number,
  work: () => Promise<CartPreview>,
): Promise<CartPreview> {
  // Places are scarce: how many are left is never remembered.
  if (cart.items.length === 0 || cart.items.some((item) => item.cohortId !== '')) return work();
  const key = keyOf('cart', [ownerId, String(cart.version), await stampOf(parts.sql, ownerId, cart, nowMs)]);
  const before = await tried(parts, 'read', async () => {
    const bytes = await parts.cache.get(key);
    return bytes === undefined ? undefined : (withAmounts(JSON.parse(Buffer.from(bytes).toString())) as CartPreview);
  });
  if (before !== undefined && isRecent(before, nowMs)) return before;
  const preview = await work();
  void tried(parts, 'write', () => parts.cache.set(key, Buffer.from(jsonOf(preview)), previewKeptMs));
  return preview;
}

function isRecent({ pricedAtMs }: CartPreview, nowMs: number): boolean {
  return pricedAtMs <= nowMs && nowMs - pricedAtMs < previewKeptMs;
}

/** Of everything of ours that a price or a refusal comes from: another stamp when any of it has changed. */
async function stampOf(executor: SqlExecutor, ownerId: string, cart: Cart, nowMs: number): Promise<string> {
  const [row] = await executor.query<{ stamp: string }>(
    `SELECT json_build_array(
       (SELECT json_build_array(c.id, c.uses, c.withdrawn, c.valid_from <= $3, c.valid_until <= $3,
          (SELECT count(*) FROM coupon_uses AS u WHERE u.coupon_id = c.id AND u.buyer_id = $1))
        FROM coupons AS c WHERE c.code_key = $2),
       (SELECT changed_at FROM seller),
       (SELECT json_build_array(count(*), sum(version)) FROM orders WHERE buyer_id = $1),
       (SELECT json_agg(b.id ORDER BY b.id) FROM bundles AS b WHERE b.id = ANY ($4::text[]) AND NOT b.withdrawn)
     )::text AS stamp`,
    [ownerId, codeKey(cart.couponCode), new Date(nowMs), cart.items.map((item) => item.bundleId)],
  );
  return row?.stamp ?? '';
}

/** A cache that fails is a cache that knows nothing; it is said, and nobody is troubled. */
async function tried<T>({ log }: Remembering, what: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    log.warn('the cache of orders failed; the database answers', { what, error });
    return undefined;
  }
}
