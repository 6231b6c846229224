import { describe, expect, it } from 'vitest';
import { refuseCardData } from './card-data.ts';

describe('card data in a body (M24)', () => {
  it.each([
    [{ method: { type: 'card', token: '4111111111111111' } }],
    [{ method: { type: 'card', number: '1' } }],
    [{ card_number: 'x' }],
    [{ Card: { 'CARD-Number': 'x' } }],
    [{ a: [{ cvc: '123' }] }],
    [{ CVV2: 123 }],
    [{ note: 'my card is 4111-1111 1111 1111, thanks' }],
    [{ note: 4111111111111111 }],
    [{ '4111111111111111': 'x' }],
    ['４１１１１１１１１１１１１１１１'],
  ])('is found in %j, and not repeated', (body) => {
    const refused = refuseCardData(body);
    expect(refused?.code).toBe('card_data_refused');
    expect(JSON.stringify(refused)).not.toMatch(/4111|1234/);
  });

  it.each([
    [undefined],
    [{ method: { type: 'card', token: 'tok_ok' } }],
    [{ amount: { currency: 'INR', amountMinor: '49900' }, reason: 'order number 17' }],
    [{ challengeResponse: 'approve' }],
  ])('is not seen in %j', (body) => {
    expect(refuseCardData(body)).toBeUndefined();
  });
});
