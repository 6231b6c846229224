import { GiftStatus, GiftsService } from '@suuupra/contracts/gen/suuupra/orders/v1/gifts_pb.ts';
import { GiftBoughtSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { anonymous, type Principal } from '@suuupra/platform/rpc/rpc';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AccessSchool, accepted, codeOf, openAccessSchool, teacher } from './testing-access.ts';

let school: AccessSchool;
beforeAll(async () => {
  school = await openAccessSchool();
});
beforeEach(() => school.reset());
afterAll(() => school.service.stop());

const asha = userPrincipal('usr_asha');
const meera = userPrincipal('usr_meera');
const ravi = userPrincipal('usr_ravi');
const api = () => school.service.client(GiftsService);
const gift = { recipientEmail: 'meera@example.org', recipientName: 'Meera', message: 'Enjoy!' };

/** Buys a gift; gives its order and the code of the newest mail. */
async function bought(courseId = 'crs_a') {
  const order = await school.buy(asha, [{ courseId, gift }]);
  return { order, code: await newestCode() };
}
async function newestCode(): Promise<string> {
  return (await school.service.published(GiftBoughtSchema)).at(-1)?.redeemPath.replace('/gifts/', '') ?? '';
}
const redeem = (who: Principal, code: string, key = school.world.id('key')) =>
  api().redeemGift({ code }, { principal: who, idempotencyKey: key });
const refund = (orderId: string) =>
  school.service
    .client(OrdersService)
    .createRefund({ orderId, reason: 'changed my mind' }, { principal: asha, idempotencyKey: `r${orderId}` });
const statusOf = async () => accepted(await api().listGifts({}, { principal: asha })).gifts[0]?.status;

describe('a gift', () => {
  it('M27: is opened by its code once, by whoever holds it, and opens nothing for its buyer', async () => {
    const { order, code } = await bought();
    expect(await school.service.published(GiftBoughtSchema)).toMatchObject([
      { ...gift, orderId: order.id, buyerId: 'usr_asha' },
    ]);
    expect(accepted(await api().lookAtGift({ code }, { principal: anonymous }))).toMatchObject({
      status: GiftStatus.OPEN,
      courseId: 'crs_a',
    });
    const answers = await Promise.all([...Array.from({ length: 4 }, () => redeem(meera, code)), redeem(ravi, code)]);
    expect(answers.map(codeOf).sort()).toEqual(['accepted', ...Array.from({ length: 4 }, () => 'gift_not_redeemable')]);
    expect(await school.access()).toHaveLength(1);
    expect(await statusOf()).toBe(GiftStatus.REDEEMED);
    expect(codeOf(await redeem(meera, 'AAAA-BBBB'))).toBe('not_found');
  });

  it('M9: is redeemed once for a key, and the key keeps no code', async () => {
    const { code } = await bought();
    const first = accepted(await redeem(meera, code, 'one'));
    expect(accepted(await redeem(meera, code.toLowerCase().replaceAll('-', ' '), 'one'))).toEqual(first);
    const kept = await school.service.sql.query<{ request: Buffer }>('SELECT request FROM idempotency_keys');
    const gifts = await school.service.sql.query('SELECT * FROM gifts');
    expect([...kept.map((row) => row.request.toString()), JSON.stringify(gifts)].join()).not.toContain(
      code.slice(0, 9),
    );
  });

  it('is void when it is refunded before it is redeemed, and ends once when after', async () => {
    const early = await bought();
    accepted(await refund(early.order.id));
    expect(codeOf(await redeem(meera, early.code))).toBe('gift_not_redeemable');
    expect(await statusOf()).toBe(GiftStatus.VOID);
    const late = await bought();
    accepted(await redeem(meera, late.code));
    accepted(await refund(late.order.id));
    expect(await school.access()).toEqual(['+usr_meera crs_a gift', '-usr_meera crs_a refunded']);
    expect(await statusOf()).toBe(GiftStatus.ENDED);
  });

  it('is refused to who has the course or teaches it, and stays good for somebody else', async () => {
    const { code } = await bought();
    school.enrolled.add('usr_meera crs_a');
    expect([codeOf(await redeem(meera, code)), codeOf(await redeem(teacher, code))]).toEqual([
      'already_enrolled',
      'own_course',
    ]);
    accepted(await redeem(ravi, code));
    const second = await bought();
    expect(codeOf(await redeem(ravi, second.code))).toBe('already_enrolled');
  });

  it('may be bought by who has the course, is sent again with another code, and is seen by its buyer only', async () => {
    school.enrolled.add('usr_asha crs_a');
    const { code } = await bought();
    const [mine] = accepted(await api().listGifts({}, { principal: asha })).gifts;
    const id = mine?.id ?? '';
    const resend = (who: Principal) =>
      api().resendGift(
        { id, recipientEmail: 'new@example.org' },
        { principal: who, idempotencyKey: school.world.id('key') },
      );
    expect(codeOf(await resend(ravi))).toBe('not_found');
    expect(codeOf(await api().getGift({ id }, { principal: ravi }))).toBe('not_found');
    expect(accepted(await resend(asha)).gift?.recipientEmail).toBe('new@example.org');
    expect(codeOf(await redeem(meera, code))).toBe('not_found');
    accepted(await redeem(meera, await newestCode()));
    expect(codeOf(await resend(asha))).toBe('gift_not_redeemable');
  });

  it('is listed by the orders it is of, its buyer alone', async () => {
    const first = await bought();
    const second = await bought('crs_b');
    const ordersOf = async (orderIds: string[], principal: Principal = asha) =>
      accepted(await api().listGifts({ orderIds }, { principal })).gifts.map(({ orderId }) => orderId);
    expect(await ordersOf([first.order.id])).toEqual([first.order.id]);
    expect(await ordersOf([first.order.id, second.order.id, 'ord_none'])).toHaveLength(2);
    expect(await ordersOf([])).toHaveLength(2);
    expect(await ordersOf(['ord_none'])).toEqual([]);
    expect(await ordersOf([first.order.id], ravi)).toEqual([]);
    const page = accepted(await api().listGifts({ pageSize: 1 }, { principal: asha }));
    const other = { pageSize: 1, pageToken: page.nextPageToken, orderIds: [first.order.id] };
    expect(codeOf(await api().listGifts(other, { principal: asha }))).toBe('invalid_request');
  });

  it('of a free course gets its code at once; an order that is not paid gets none', async () => {
    accepted(await school.place(asha, [{ courseId: 'crs_free', gift }]));
    accepted(await school.place(asha, [{ courseId: 'crs_b', gift }]));
    expect(await school.service.published(GiftBoughtSchema)).toHaveLength(1);
    expect(accepted(await api().listGifts({}, { principal: asha })).gifts).toHaveLength(1);
  });
});
