import type { RawRoute } from '@suuupra/platform/http/route';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refuseCardData, refuseCardDataOutsideBody } from './card-data.ts';
import { startGatewayForTest, type TestGateway } from './gateway-for-test.ts';

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

const path = '/api/v1/payments/pay_01jd8x';

describe('card data outside a body (M24)', () => {
  it.each([
    ['path', '/api/v1/payments/4111111111111111', '', ''],
    ['path', '/api/v1/payments/4111%2D1111-1111-1111:confirm', '', ''],
    ['path', '/api/v1/payments/%34%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31', '', ''],
    ['query', path, 'token=4111111111111111', ''],
    ['query', path, 'q=pay+4111+1111+1111+1111+now', ''],
    ['query', path, 'q=4111%201111%201111%201111', ''],
    ['query', path, 'q=%25341111111%25311111111', ''],
    ['query', path, '4111111111111111', ''],
    ['query', path, 'a=1&method.number=x', ''],
    ['query', path, 'card%5BCVC%5D=1', ''],
    ['query', path, 'card_number', ''],
    ['query', path, 'q=%EF%BC%94111111111111111', ''],
    ['Idempotency-Key', path, '', '4111-1111-1111-1111'],
  ])('is found in the %s: %s ? %s %s', (field, inPath, inQuery, key) => {
    const refused = refuseCardDataOutsideBody(inPath, inQuery, { 'idempotency-key': key });
    expect(refused).toMatchObject({ code: 'card_data_refused', errors: [{ field }] });
    expect(JSON.stringify(refused)).not.toMatch(/4111|1111/);
  });

  it.each([
    [path, '', ''],
    [path, 'pageSize=50&pageToken=eyJhIjoxfQ', 'key-1'],
    [path, 'from=2026-01-01T00:00:00.000Z&number_of=3', ''],
    [path, 'bad=%zz%4', ''],
    // Its last two groups pass for a number.
    [path, '', '0b0e41f1-aaaa-4aaa-a411-111111111111'],
  ])('is not seen in %s ? %s %s', (inPath, inQuery, key) => {
    expect(refuseCardDataOutsideBody(inPath, inQuery, { 'idempotency-key': key })).toBeUndefined();
  });
});

describe('a route of payments', () => {
  const seen: unknown[] = [];
  const webhooks: RawRoute = {
    method: 'POST',
    path: '/api/v1/payments/webhooks/{provider}',
    summary: 'Webhooks',
    access: 'public',
    csrfExempt: true,
    bodyBytesMax: 1_000,
    handle: async (_request, response, { params }) => {
      seen.push(params);
      response.end();
    },
  };
  let gateway: TestGateway;
  beforeAll(async () => {
    const answer = async (request: unknown) => {
      seen.push(request);
      return {};
    };
    gateway = await startGatewayForTest({
      payments: { getPayment: answer, listPayments: answer, createPayment: answer, confirmPayment: answer },
      rawRoutes: [webhooks],
    });
  });
  afterAll(() => gateway.close());

  const number = '4111111111111111';
  it.each([
    ['GET', `/payments/${number}`, ''],
    ['GET', `/payments/pay_1?number=${number}`, ''],
    ['GET', `/orders/ord_1/payments?page_token=${number}`, ''],
    ['POST', `/payments/${number}:confirm`, '{}'],
    ['POST', `/orders/ord_1/payments?card=${number}`, '{"method":{"type":"card","token":"tok_ok"}}'],
    ['POST', '/orders/ord_1/payments', `{"method":{"type":"card","token":"${number}"}}`],
    ['POST', `/payments/webhooks/sandbox?pan=${number}`, '{}'],
    ['POST', `/payments/webhooks/${number}`, '{}'],
  ])('refuses %s %s with 400 and keeps nothing of it', async (method, target, body) => {
    const answer = await fetch(`${gateway.url}/api/v1${target}`, {
      method,
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer token-learner',
        'idempotency-key': 'key-1',
        'x-request-id': number,
      },
      ...(body !== '' && { body }),
    });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const text = await answer.text();
    expect(text).toContain('card_data_refused');
    const kept = JSON.stringify([...gateway.logged, ...answer.headers]) + (await gateway.measured());
    expect(text + kept).not.toContain(number);
    expect(kept).toContain('/api/v1/');
    expect(seen).toEqual([]);
  });

  it('is called when there is none', async () => {
    const headers = { authorization: 'Bearer token-learner' };
    expect((await fetch(`${gateway.url}/api/v1/payments/pay_1`, { headers })).status).toBe(200);
    expect(seen).toHaveLength(1);
  });
});
