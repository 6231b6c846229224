/** Two processes of the service on one database: what is told to both is done once. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EnrolmentGrantedSchema } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { learning } from './service.ts';

let world: TestWorld;
let one: ServiceUnderTest;
let two: ServiceUnderTest;
beforeAll(async () => {
  world = testWorld();
  one = await startServiceForTest(learning, { world });
  two = await startServiceForTest(learning, { world, databaseUrl: one.databaseUrl });
});
afterAll(async () => {
  await two.stop();
  await one.stop();
});

const both = (deliver: (service: ServiceUnderTest) => Promise<void>) => Promise.all([one, two].map(deliver));
const paid = (userId: string, orderId: string) => ({
  orderId,
  buyerId: userId,
  paidAt: timestampFromMs(world.now()),
  lines: [{ lineId: `line_${orderId}`, courseId: 'crs_1', release: 1, title: 'Ledgers' }],
});
const hasAccess = async (service: ServiceUnderTest, userId: string) => {
  const client = service.client(LearningService, 'content');
  const answer = await client.checkAccess({ userId, courseId: 'crs_1' }, { principal: userPrincipal(userId) });
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code}`);
  return answer.entitled;
};

describe('two processes of learning', () => {
  it('enrol each buyer once when both hear of the order at once', async () => {
    const buyers = Array.from({ length: 8 }, (_, index) => `usr_${index}`);
    await Promise.all(
      buyers.map((userId, index) =>
        both((service) => service.deliver(OrderPaidSchema, paid(userId, `ord_${index}`), `evt_paid_${index}`)),
      ),
    );
    const told = (await one.published(EnrolmentGrantedSchema)).map(({ userId }) => userId);
    expect(told.toSorted()).toEqual(buyers);
    for (const userId of buyers)
      expect([await hasAccess(one, userId), await hasAccess(two, userId)]).toEqual([true, true]);
  });

  it('keep one enrolment of two orders for one person that come to one process each, until both are refunded', async () => {
    await Promise.all([
      one.deliver(OrderPaidSchema, paid('usr_asha', 'ord_left')),
      two.deliver(OrderPaidSchema, paid('usr_asha', 'ord_right')),
    ]);
    const enrolments = await one.sql.query("SELECT 1 FROM enrolments WHERE user_id = 'usr_asha'");
    expect(enrolments).toHaveLength(1);
    const refunded = (orderId: string) => ({
      orderId,
      buyerId: 'usr_asha',
      refundId: `rfd_${orderId}`,
      refundedAt: timestampFromMs(world.now()),
      lines: [{ lineId: `line_${orderId}`, courseId: 'crs_1', wholeLineRefunded: true }],
    });
    await one.deliver(OrderRefundedSchema, refunded('ord_left'));
    expect(await hasAccess(two, 'usr_asha')).toBe(true);
    await two.deliver(OrderRefundedSchema, refunded('ord_right'));
    expect(await hasAccess(one, 'usr_asha')).toBe(false);
  });
});
