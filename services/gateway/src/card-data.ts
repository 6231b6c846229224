/**
 * Card data in a body: found before anything else is done with it, so that it is in no message, error or log line. Methods
 * that declare the refusal `card_data_refused` are behind this, unknown fields included.
 */
import { holdsCardNumber } from '@suuupra/platform/card-number';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';

/** Names under which card data is sent (PCI DSS, account data), without case, dashes and underscores. */
const cardFields: ReadonlySet<string> = new Set([
  'number',
  'cardnumber',
  'pan',
  'cvc',
  'cvv',
  'cvc2',
  'cvv2',
  'cid',
  'securitycode',
  'track1',
  'track2',
]);

/** Says where, never what. The body is parsed JSON, bounded in size and depth. */
export function refuseCardData(body: unknown): Refusal | undefined {
  return holdsCardData(body)
    ? refuse('card_data_refused', 'Card data is never sent here: pay with a token of the payment provider.', [
        { field: 'body', code: 'not_allowed', detail: 'holds card data' },
      ])
    : undefined;
}

function holdsCardData(value: unknown): boolean {
  if (typeof value === 'string') return holdsCardNumber(value);
  if (typeof value === 'number') return holdsCardNumber(String(value));
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsCardData);
  return Object.entries(value).some(
    ([name, inner]) =>
      cardFields.has(name.toLowerCase().replaceAll(/[-_\s]/g, '')) || holdsCardNumber(name) || holdsCardData(inner),
  );
}
