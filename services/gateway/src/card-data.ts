/**
 * Card data in a request to pay: found before anything else is done with it, so that it is in no message, error, span or
 * log line. Every route of payments is behind this, and every method that declares the refusal `card_data_refused`;
 * unknown fields included.
 */
import type { IncomingHttpHeaders } from 'node:http';
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
  return holdsCardData(body) ? refusalOf('body') : undefined;
}

/** The path as it came, the query as it came, and the header that is kept. Says which of them, never what. */
export function refuseCardDataOutsideBody(
  path: string,
  queryText: string,
  headers: IncomingHttpHeaders,
): Refusal | undefined {
  if (decodedForms(path).some(holdsCardNumber)) return refusalOf('path');
  if (decodedForms(queryText.replaceAll('+', ' ')).some(queryHoldsCardData)) return refusalOf('query');
  return headerHoldsCardNumber(String(headers['idempotency-key'] ?? '')) ? refusalOf('Idempotency-Key') : undefined;
}

/**
 * True for what a client sends as a name of its own. A UUID is let through: one in a thousand has digits that pass for a
 * card number.
 */
export function headerHoldsCardNumber(value: string): boolean {
  return !uuid.test(value) && holdsCardNumber(value);
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function refusalOf(field: 'body' | 'path' | 'query' | 'Idempotency-Key'): Refusal {
  return refuse('card_data_refused', 'Card data is never sent here: pay with a token of the payment provider.', [
    { field, code: 'not_allowed', detail: 'holds card data' },
  ]);
}

/** A proxy may encode again what was encoded; who encodes more often than this means to hide something else. */
const encodingsMax = 3;

/** The text as it is, and as it is after each decoding; what cannot be decoded stays as it is. */
function decodedForms(text: string): string[] {
  const forms = [text];
  for (let i = 0; i < encodingsMax; i += 1) {
    const last = forms.at(-1) ?? '';
    const next = last.replaceAll(/(?:%[0-9a-f]{2})+/gi, decodedRun);
    if (next === last) break;
    forms.push(next);
  }
  return forms;
}

function decodedRun(escapes: string): string {
  return Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8');
}

function queryHoldsCardData(query: string): boolean {
  const names = query.split('&').flatMap((part) => (part.split('=')[0] ?? '').split(/[.[\]]/));
  return names.some(isCardField) || holdsCardNumber(query);
}

function holdsCardData(value: unknown): boolean {
  if (typeof value === 'string') return holdsCardNumber(value);
  if (typeof value === 'number') return holdsCardNumber(String(value));
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsCardData);
  return Object.entries(value).some(
    ([name, inner]) => isCardField(name) || holdsCardNumber(name) || holdsCardData(inner),
  );
}

function isCardField(name: string): boolean {
  return cardFields.has(name.toLowerCase().replaceAll(/[-_\s]/g, ''));
}
