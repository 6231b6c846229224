/** Reconciliation as it is offered: facts heard, a file uploaded, the loops at work. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentSucceededSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { ReconciliationService } from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import type { RawContext, RawRoute } from '@suuupra/platform/http/route';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settlement } from '../service.ts';
import { fileBytesMax } from './files.ts';
import { SmallBook, settlementCsv } from './testing.ts';

let service: ServiceUnderTest;
let server: Server;
const book = new SmallBook();
const finance = { principal: userPrincipal('usr_finance', 'finance') };

beforeAll(async () => {
  service = await startServiceForTest(settlement, {
    others: {
      ledger: {
        bookJournals: async (request) => book.book(request),
        getPosition: async () => ({ sequence: 0n }),
        listMovedAccounts: async () => ({ accounts: [] }),
      },
      payments: { listProviderReports: async () => ({ reports: [] }) },
    },
  });
  const upload = service.routes.find(
    ({ method, path }) => method === 'POST' && path === '/api/v1/settlement/files',
  ) as RawRoute;
  server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
    const context = { ...finance, query, params: {}, traceparent: '', requestId: 'req_1' } as unknown as RawContext;
    void upload.handle(request, response, context);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(async () => {
  server.close();
  await service.stop();
});

const send = async (query: string, body: string | Uint8Array) => {
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/settlement/files?${query}`, {
    method: 'POST',
    body: Buffer.from(body),
  });
  return { status: answer.status, body: (await answer.json()) as { file?: { id: string }; code?: string } };
};

const money = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });

describe('the reconciliation of the service', () => {
  it('hears of payments, takes an upload, matches it and books its fee', async () => {
    const at = timestampFromMs(service.world.now());
    await service.deliver(PaymentSucceededSchema, {
      paymentId: 'pay_1',
      orderId: 'ord_1',
      amount: money(50_000n),
      provider: 'sandbox',
      succeededAt: at,
    });
    await service.deliver(PaymentSucceededSchema, {
      paymentId: 'pay_1',
      orderId: 'ord_1',
      amount: money(50_000n),
      provider: 'sandbox',
      succeededAt: at,
    });
    await service.deliver(RefundSucceededSchema, {
      refundId: 'ref_1',
      paymentId: 'pay_1',
      orderId: 'ord_1',
      amount: money(20_000n),
      succeededAt: at,
    });
    await service.deliver(DisputeOpenedSchema, {
      disputeId: 'dsp_1',
      paymentId: 'pay_1',
      orderId: 'ord_1',
      amount: money(30_000n),
      openedAt: at,
    });
    await service.deliver(DisputeClosedSchema, {
      disputeId: 'dsp_1',
      paymentId: 'pay_1',
      orderId: 'ord_1',
      outcome: 'won',
      amount: money(30_000n),
      fee: money(500n),
      closedAt: at,
    });
    const csv = settlementCsv(
      [
        { merchant: 'pay_1', gross: 50_000n, fee: 1_000n, tax: 180n },
        { type: 'refund', merchant: 'ref_1', gross: -20_000n },
        { type: 'dispute', merchant: 'pay_1', provider: 'dsp_1', gross: -30_000n },
        { type: 'dispute_won', merchant: 'pay_1', provider: 'dsp_1', gross: 30_000n },
        { type: 'dispute_fee', merchant: 'pay_1', provider: 'dsp_1', gross: -500n },
      ],
      { date: new Date(service.world.now()).toISOString().slice(0, 10) },
    );
    const sent = await send('format=settlement_csv&name=today.csv', csv);
    expect(sent.status).toBe(201);
    expect((await send('format=settlement_csv&name=today.csv', csv)).body.code).toBe('settlement_file_known');
    const client = service.client(ReconciliationService);
    const file = async () => {
      const answer = await client.getSettlementFile({ id: sent.body.file?.id ?? '' }, finance);
      return isRefusal(answer) ? undefined : answer.file;
    };
    await expect.poll(async () => (await file())?.journalsBooked, { timeout: 10_000 }).toBe(1n);
    expect(await file()).toMatchObject({
      status: 'processed',
      lines: 5n,
      linesMatched: 5n,
      linesInBreaks: 0n,
      uploadedBy: 'usr_finance',
    });
    expect((await file())?.outputSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(book.journals.map(({ kind, transfers }) => [kind, transfers[0]?.amountMinor])).toEqual([
      ['provider_fee', 1_180n],
    ]);
  });

  it('is for finance alone', async () => {
    const client = service.client(ReconciliationService);
    expect(await client.listBreaks({})).toMatchObject({ code: 'unauthenticated' });
    expect(await client.listBreaks({}, { principal: userPrincipal('usr_x', 'instructor') })).toMatchObject({
      code: 'permission_denied',
    });
  });

  it('gives lists page by page', async () => {
    const client = service.client(ReconciliationService);
    const found: string[] = [];
    let pageToken = '';
    do {
      const page = await client.listExpectations({ pageSize: 2, pageToken, side: 'provider' }, finance);
      if (isRefusal(page)) throw new Error(page.detail);
      found.push(...page.expectations.map(({ kind }) => kind));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(found.toSorted()).toEqual(['dispute', 'dispute_fee', 'dispute_reversal', 'payment', 'refund']);
  });

  it('refuses another format, and more than the limit by its announced size', async () => {
    expect(await send('format=pdf', 'x')).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(await send('format=mt940', Buffer.alloc(fileBytesMax + 1))).toMatchObject({
      status: 413,
      body: { code: 'payload_too_large' },
    });
  });
});
