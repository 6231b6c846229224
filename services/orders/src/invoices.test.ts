/** Invoices and credit notes: gapless under concurrency and death, frozen, and readable on paper. */

import { create } from '@bufbuild/protobuf';
import { InvoicesService } from '@suuupra/contracts/gen/suuupra/orders/v1/invoices_pb.ts';
import { InvoiceIssuedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  CreateRefundRequestSchema,
  type Order,
  OrdersService,
  PlaceOrderRequestSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import type { RawContext } from '@suuupra/platform/http/route';
import { type CallContext, isRefusal, type Principal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { openOneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventHandlers } from './events.ts';
import { checkCharacter, isGstin } from './gstin.ts';
import { financialYearOf, type InvoiceContents, invoiceNumber } from './invoice.ts';
import { invoicePdf } from './invoice-pdf.ts';
import { formatMinor } from './money-text.ts';
import { placeOrder } from './orders.ts';
import { createRefund } from './refunds.ts';
import { demonstrationSeller, sacOf } from './seller.ts';
import { finance, learner, openSchool, orderOf, ravi, type School } from './testing.ts';

let school: School;
beforeAll(async () => {
  school = await openSchool();
});
afterAll(() => school.service.stop());

const client = () => school.service.client(InvoicesService);

function given<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer;
}

async function invoicesOf(who: Principal, orderId = '') {
  return given(await client().listInvoices({ orderId, pageSize: 100 }, { principal: who })).invoices;
}

async function payFor(order: Order) {
  const fact = { orderId: order.id, paymentId: `pay_${order.id.slice(4)}`, provider: 'sandbox' };
  await school.service.deliver(PaymentSucceededSchema, { ...fact, ...(order.total && { amount: order.total }) });
}

/** Numbers of a series by kind, as they stand in the database. */
async function sequences(of: School, kind: string): Promise<number[]> {
  const rows = await of.service.sql.query<{ sequence: number }>(
    'SELECT sequence FROM invoices WHERE kind = $1 ORDER BY sequence',
    [kind],
  );
  return rows.map((row) => row.sequence);
}

const upTo = (length: number) => Array.from({ length }, (_, index) => index + 1);

describe('numbers (M31)', () => {
  it('have no gap and no duplicate with many issuers at once, of which some fail', async () => {
    const own = await openSchool();
    const orders = await Promise.all(
      Array.from({ length: 24 }, async () => orderOf(await own.place(learner(), ['crs_events']))),
    );
    await Promise.allSettled(
      orders.map((order, index) => {
        const amount = { currency: 'INR', amountMinor: index % 3 === 0 ? 1n : 49_900n };
        const fact = { orderId: order.id, paymentId: `pay_${index}`, provider: 'sandbox', amount };
        return own.service.deliver(PaymentSucceededSchema, fact);
      }),
    );
    expect(await sequences(own, 'invoice')).toEqual(upTo(16));
    const paid = orders.filter((_, index) => index % 3 !== 0);
    await Promise.all(paid.map((order) => own.refund(finance, order.id, { amountMinor: 100n })));
    expect(await sequences(own, 'credit_note')).toEqual(upTo(16));
    await own.service.stop();
  });

  it('have none when the process is killed at every step of placing, paying and refunding', async () => {
    const own = await openSchool();
    for (const when of ['before', 'after'] as const)
      for (let point = 1; ; point += 1) {
        const { database, dead } = dyingAt(point, when);
        const sql = database(own.service.sql);
        const dying = { ...own.surroundings, sql, running: openOneAtATime(sql) };
        const [paying] = eventHandlers(dying).filter((each) => each.schema === PaymentSucceededSchema);
        const buyer = learner();
        const story = async () => {
          const request = create(PlaceOrderRequestSchema, { items: [{ courseId: 'crs_events' }] });
          const { order } = given(await placeOrder(dying, request, contextOf(buyer)));
          const orderId = order?.id ?? '';
          const amount = { currency: 'INR', amountMinor: 49_900n };
          const event = create(PaymentSucceededSchema, { orderId, paymentId: `pay_${orderId}`, provider: 's', amount });
          await sql.transaction(
            (tx) => paying?.apply({ event, tx, cause: contextOf(buyer) } as never) ?? Promise.resolve(),
          );
          const back = create(CreateRefundRequestSchema, { orderId, reason: 'r' });
          await createRefund(dying, back, contextOf(finance));
        };
        if ((await Promise.race([dead, story().then(() => 'done')])) === 'done') break;
      }
    await own.tidy();
    for (const kind of ['invoice', 'credit_note']) {
      const given = await sequences(own, kind);
      expect(given.length).toBeGreaterThanOrEqual(3);
      expect(given).toEqual(upTo(given.length));
    }
    await own.service.stop();
  });

  it('count by the financial year of India', () => {
    expect(financialYearOf(Date.parse('2027-03-31T18:29:59Z'))).toBe('26-27');
    expect(financialYearOf(Date.parse('2027-03-31T18:30:00Z'))).toBe('27-28');
    expect(financialYearOf(Date.parse('2099-12-31T00:00:00Z'))).toBe('99-00');
    expect(invoiceNumber('SUC', '26-27', 999_999)).toHaveLength(16);
  });
});

function contextOf(principal: Principal): CallContext {
  return {
    principal,
    requestId: 'req_test',
    traceparent: '',
    signal: new AbortController().signal,
    deadlineAtMs: Number.MAX_SAFE_INTEGER,
    idempotencyKey: school.world.id('key'),
    ifMatch: '',
    clientAddress: '',
    userAgent: '',
    answer: {},
  };
}

describe('an invoice', () => {
  it('is issued once with the payment, says what rule 46 asks for, and is corrected by credit notes', async () => {
    const buyer = learner();
    const placed = await school.service.client(OrdersService).placeOrder(
      {
        items: [{ courseId: 'crs_events' }, { courseId: 'crs_free' }],
        billing: { name: 'आशा', address: 'पुणे', stateCode: '27' },
      },
      { principal: buyer, idempotencyKey: school.world.id('key') },
    );
    const order = orderOf(given(placed).order as Order);
    for (let told = 0; told < 2; told += 1) await payFor(order);
    await school.refund(finance, order.id, { amountMinor: 10_000n });
    const [note, invoice] = await invoicesOf(buyer, order.id);
    expect(invoice).toMatchObject({
      kind: 'invoice',
      number: expect.stringMatching(/^SU\/\d\d-\d\d\/\d{6}$/),
      placeOfSupply: '27 Maharashtra',
      reverseCharge: false,
      seller: { demonstration: true, stateCode: '29' },
      recipient: { name: 'आशा' },
      lines: [{ sac: '999293', quantity: 1, taxable: { amountMinor: 42_288n }, taxes: [{ kind: 'igst' }] }],
      total: { amountMinor: 49_900n },
      buyerId: '',
    });
    expect(note).toMatchObject({
      kind: 'credit_note',
      number: expect.stringMatching(/^SUC\//),
      invoiceNumber: invoice?.number,
      total: { amountMinor: 10_000n },
    });
    expect((note?.taxable?.amountMinor ?? 0n) + (note?.tax?.amountMinor ?? 0n)).toBe(10_000n);
    const told = (await school.service.published(InvoiceIssuedSchema)).filter((event) => event.orderId === order.id);
    expect(told.map((event) => event.kind)).toEqual(['invoice', 'credit_note']);
    await expect(school.service.sql.execute('UPDATE invoices SET number = $1', ['x'])).rejects.toMatchObject({
      kind: 'permission',
    });
  });

  it('is for the buyer and finance, also as a document', async () => {
    const buyer = learner();
    const order = await school.buy(buyer, ['crs_ledger']);
    const id = (await invoicesOf(buyer, order.id))[0]?.id ?? '';
    for (const [who, outcome] of [
      [buyer, 200],
      [finance, 200],
      [ravi, 404],
    ] as const) {
      const answer = await client().getInvoice({ id }, { principal: who });
      expect(isRefusal(answer) ? 404 : 200).toBe(outcome);
      expect((await documentOf(id, who)).status).toBe(outcome);
    }
    const { headers, body } = await documentOf(id, buyer);
    expect(body.subarray(0, 5).toString()).toBe('%PDF-');
    expect(headers).toMatchObject({ 'content-type': 'application/pdf', 'content-length': body.length });
    expect((await documentOf(id, finance)).body.equals(body)).toBe(true);
    const all = await client().listInvoices({ all: true }, { principal: buyer });
    expect(isRefusal(all) && all.code).toBe('permission_denied');
    const later = { seconds: BigInt(Math.floor(school.world.now() / 1000) + 60) };
    expect(given(await client().listInvoices({ all: true, from: later }, { principal: finance })).invoices).toEqual([]);
  });

  it('of another seller follows their settings, and those that exist stay as they were', async () => {
    const own = await openSchool();
    const invoices = own.service.client(InvoicesService);
    const before = await own.buy(learner(), ['crs_ledger']);
    const seller = {
      legalName: 'Real Ltd',
      address: 'Mumbai',
      gstin: '27AAPFU0939F1ZV',
      prices: 'exclusive',
      rounding: 'order',
      series: 'R',
    };
    for (const wrong of [{ gstin: '27AAPFU0939F1ZA' }, { prices: 'none' }, { rounding: 'up' }, { series: 'LONG' }]) {
      const refused = await invoices.setSeller({ seller: { ...seller, ...wrong } }, { principal: finance });
      expect(isRefusal(refused) && refused.code).toBe('invalid_request');
    }
    given(await invoices.setSeller({ seller }, { principal: finance }));
    const order = await own.buy(learner(), ['crs_ledger']);
    expect(order).toMatchObject({ total: { amountMinor: 11_801n }, tax: { amountMinor: 1_800n } });
    await own.refund(finance, before.id);
    const { invoices: all } = given(await invoices.listInvoices({ all: true }, { principal: finance }));
    expect(
      all.map((each) => [each.seller?.legalName, each.number.split('/')[0], each.number.slice(-6)]).sort(),
    ).toEqual([
      ['Real Ltd', 'R', '000001'],
      ['Suuupra Demonstration School', 'SU', '000001'],
      ['Suuupra Demonstration School', 'SUC', '000001'],
    ]);
    await own.service.stop();
  });
});

async function documentOf(id: string, principal: Principal) {
  const [route] = school.service.routes;
  const answer = { status: 0, headers: {} as Record<string, unknown>, body: Buffer.alloc(0) };
  const response = {
    removeHeader: () => {},
    writeHead: (status: number, headers: Record<string, unknown>) => {
      Object.assign(answer, { status, headers });
      return response;
    },
    end: (body: Buffer | string) => {
      answer.body = Buffer.from(body);
    },
  };
  const context = { ...contextOf(principal), params: { id }, query: new URLSearchParams() } satisfies RawContext;
  await route?.handle(undefined as never, response as never, context);
  return answer;
}

describe('on paper', () => {
  it('every script is drawn, and a hundred lines take more pages', async () => {
    const line = {
      lineId: 'l',
      description: `Online course: ₹ Żółć Ελλάδα Москва आशा 東京 ${'x'.repeat(200)}`,
      sac: '999293',
      quantity: 1,
      valueMinor: 1n,
      discountMinor: 0n,
      taxableMinor: 1n,
      taxes: [],
      totalMinor: 1n,
    };
    const contents: InvoiceContents = {
      kind: 'invoice',
      orderNumber: 'SU-1',
      seller: demonstrationSeller,
      recipient: { name: '', address: 'a\nb', stateCode: '', country: 'JP', gstin: '' },
      placeOfSupply: 'JP',
      isExport: true,
      currency: 'JPY',
      lines: Array.from({ length: 100 }, () => line),
      taxableMinor: 100n,
      taxMinor: 0n,
      totalMinor: 100n,
      reason: '',
    };
    const about = { id: 'inv_1', number: 'SU/26-27/000001', orderId: 'ord_1', buyerId: 'usr_1', issuedAt: new Date(0) };
    const bytes = await invoicePdf({ ...about, contents });
    expect(bytes.toString('latin1').match(/\/Type \/Page\b/g)?.length).toBeGreaterThan(3);
  });
  it('amounts have the digits of their currency', () => {
    expect(formatMinor(123_456_789n, 'INR')).toBe('12,34,567.89');
    expect(formatMinor(123_456_789n, 'USD')).toBe('1,234,567.89');
    expect(formatMinor(1_234n, 'JPY')).toBe('1,234');
    expect(formatMinor(-1_234n, 'KWD')).toBe('-1.234');
    expect(formatMinor(5n, 'INR')).toBe('0.05');
  });
  it('a GSTIN is known by its check character', () => {
    expect(isGstin('27AAPFU0939F1ZV')).toBe(true);
    expect(isGstin('28AAPFU0939F1ZV')).toBe(false);
    expect(isGstin(demonstrationSeller.gstin)).toBe(true);
    // One character exchanged is always found.
    const valid = '27AAPFU0939F1Z';
    for (const [index, character] of [...valid].entries()) {
      const other = character === '3' ? '4' : '3';
      const changed = valid.slice(0, index) + other + valid.slice(index + 1);
      expect(checkCharacter(changed)).not.toBe(checkCharacter(valid));
    }
  });
});

describe('a dispute that is lost', () => {
  async function lose(order: Order, disputeId: string, amountMinor: bigint): Promise<void> {
    const fact = { orderId: order.id, paymentId: order.paymentId, disputeId, amount: { currency: 'INR', amountMinor } };
    await school.service.deliver(DisputeOpenedSchema, fact);
    await school.service.deliver(DisputeClosedSchema, { ...fact, outcome: 'lost' });
    await school.service.deliver(DisputeClosedSchema, { ...fact, outcome: 'lost' });
  }

  it('has one credit note with the tax of what it takes, and it is told', async () => {
    const who = learner();
    const order = await school.buy(who, ['crs_events', 'crs_ledger']);
    expect(await school.refund(finance, order.id, { amountMinor: 9_901n })).toBe('succeeded');
    const before = Math.max(0, ...(await sequences(school, 'credit_note')));
    await lose(order, `dsp_${order.id}`, 59_901n);
    const all = await invoicesOf(who, order.id);
    const invoice = all.find((each) => each.kind === 'invoice');
    const notes = all.filter((each) => each.kind === 'credit_note');
    expect(notes).toHaveLength(2);
    const sum = (of: 'taxable' | 'tax' | 'total') =>
      notes.reduce((total, note) => total + (note[of]?.amountMinor ?? 0n), 0n);
    // Refund and dispute together take the whole supply back, and all of the GST in it.
    for (const part of ['taxable', 'tax', 'total'] as const) expect(sum(part)).toBe(invoice?.[part]?.amountMinor);
    expect(notes.map((note) => note.invoiceNumber)).toEqual([invoice?.number, invoice?.number]);
    expect(await sequences(school, 'credit_note')).toEqual(upTo(before + 1));
    const told = (await school.service.published(InvoiceIssuedSchema)).filter((event) => event.orderId === order.id);
    expect(told.map((event) => [event.kind, event.total?.amountMinor])).toEqual([
      ['invoice', 59_901n],
      ['credit_note', 9_901n],
      ['credit_note', 50_000n],
    ]);
  });

  it('over a part of the order takes back that part alone; one that is won nothing', async () => {
    const who = learner();
    const order = await school.buy(who, ['crs_events', 'crs_ledger']);
    await lose(order, `dsp_${order.id}`, 30_001n);
    const [note] = (await invoicesOf(who, order.id)).filter((each) => each.kind === 'credit_note');
    expect(note?.total?.amountMinor).toBe(30_001n);
    expect((note?.taxable?.amountMinor ?? 0n) + (note?.tax?.amountMinor ?? 0n)).toBe(30_001n);
    expect(note?.tax?.amountMinor).toBe(
      note?.lines.reduce(
        (all, { taxes }) => all + taxes.reduce((sum, tax) => sum + (tax.amount?.amountMinor ?? 0n), 0n),
        0n,
      ),
    );
    const other = learner();
    const kept = await school.buy(other, ['crs_events']);
    const fact = { orderId: kept.id, paymentId: kept.paymentId, disputeId: `dsp_${kept.id}` };
    const amount = { currency: 'INR', amountMinor: 49_900n };
    await school.service.deliver(DisputeOpenedSchema, { ...fact, amount });
    await school.service.deliver(DisputeClosedSchema, { ...fact, amount, outcome: 'won' });
    expect((await invoicesOf(other, kept.id)).map((each) => each.kind)).toEqual(['invoice']);
  });
});

describe('the accounting code of a line', () => {
  const rules = [
    { kind: 'seats', sac: '999294', fromDay: '2026-04-01' },
    { kind: 'seats', sac: '999295', fromDay: '2027-04-01' },
  ] as const;

  it('is of its kind and of the day in India', () => {
    const seller = { sacs: rules };
    expect(sacOf(seller, 'seats', '2026-03-31')).toBe('999293');
    expect(sacOf(seller, 'seats', '2026-04-01')).toBe('999294');
    expect(sacOf(seller, 'seats', '2027-04-01')).toBe('999295');
    expect(sacOf(seller, 'course', '2027-04-01')).toBe('999293');
    expect(sacOf({}, 'seats', '2027-04-01')).toBe('999293');
  });

  it('is set by finance, and a credit note keeps that of its invoice', async () => {
    const own = await openSchool();
    const invoices = own.service.client(InvoicesService);
    const seller = { legalName: 'Real Ltd', address: 'Mumbai', gstin: '27AAPFU0939F1ZV' };
    const set = (sacs: readonly { kind: string; sac: string; fromDay: string }[]) =>
      invoices.setSeller({ seller: { ...seller, sacs: [...sacs] } }, { principal: finance });
    const rule = { kind: 'course', sac: '999294', fromDay: '2020-01-01' };
    for (const [wrong, field] of [
      [{ kind: 'book' }, 'seller.sacs[0].kind'],
      [{ sac: '123456' }, 'seller.sacs[0].sac'],
      [{ fromDay: '2026-02-30' }, 'seller.sacs[0].fromDay'],
    ] as const)
      expect(await set([{ ...rule, ...wrong }])).toMatchObject({ code: 'invalid_request', errors: [{ field }] });
    expect(given(await set([rule])).seller?.sacs).toMatchObject([rule]);
    const who = learner();
    const order = await own.buy(who, ['crs_events']);
    given(await set([{ ...rule, sac: '999299' }]));
    await own.refund(finance, order.id);
    const { invoices: all } = given(await invoices.listInvoices({ orderId: order.id }, { principal: who }));
    expect(all.map((each) => [each.kind, each.lines[0]?.sac]).sort()).toEqual([
      ['credit_note', '999294'],
      ['invoice', '999294'],
    ]);
    await own.service.stop();
  });
});
