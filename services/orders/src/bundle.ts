/** A bundle: several courses for one price. Pure. */
import type { Offer } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { prorate } from './allocation.ts';
import type { DraftLine } from './price.ts';

export interface BundleToSell {
  readonly id: string;
  readonly courseIds: readonly string[];
  readonly currency: string;
  readonly priceMinor: bigint;
}

/**
 * One line a course, their prices in proportion to what the courses cost by themselves now, by largest remainder: they add
 * up to the bundle's price. Refuses when a course is off sale or sold in another currency by now.
 */
export function bundleDrafts(
  bundle: BundleToSell,
  offers: ReadonlyMap<string, Offer>,
): { readonly currency: string; readonly lines: readonly DraftLine[] } | Refusal {
  const chosen = bundle.courseIds.flatMap((courseId) => offers.get(courseId) ?? []);
  const isWhole =
    chosen.length === bundle.courseIds.length && chosen.every((offer) => offer.price?.currency === bundle.currency);
  if (!isWhole) return refuse('bundle_not_available', 'A course of the bundle is not on sale any more.');
  const prices = prorate(
    bundle.priceMinor,
    chosen.map((offer) => offer.price?.amountMinor ?? 0n),
  );
  return {
    currency: bundle.currency,
    lines: chosen.map((offer, index) => ({
      kind: 'course',
      courseId: offer.courseId,
      courseSlug: offer.slug,
      title: offer.title,
      instructorId: offer.instructorId,
      release: offer.release,
      quantity: 1,
      unitPriceMinor: prices[index] ?? 0n,
      bundleId: bundle.id,
      cohortId: '',
      reference: '',
    })),
  };
}
