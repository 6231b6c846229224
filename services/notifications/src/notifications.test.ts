import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import {
  CourseCompletedSchema,
  EnrolmentEndedSchema,
  EnrolmentGrantedSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import {
  type Notification,
  NotificationsService,
} from '@suuupra/contracts/gen/suuupra/notifications/v1/notifications_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { PaymentFailedSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { addNotifications, keptMax } from './feeds.ts';
import { notificationsRpc } from './rpc.ts';
import { notifications } from './service.ts';

const soon = { interval: 5, timeout: 5_000 };
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });
const asha = { id: 'usr_asha', email: 'asha@example.org', displayName: 'Asha', emailVerified: true };
const mallory = {
  id: 'usr_mallory',
  email: 'mallory@example.org',
  displayName: 'Buy at evil.example',
  emailVerified: false,
};

const down = { identity: false, content: false };
/** Holds the answers of content while it is set. */
let held: Promise<void> | undefined;
const others = {
  identity: {
    getUsers: async ({ ids }: { ids: string[] }) => {
      if (down.identity) throw new Error('identity is down');
      return { users: [asha, mallory].filter((user) => ids.includes(user.id)) };
    },
  },
  content: {
    getRelease: async ({ courseId, release }: { courseId: string; release: number }) => {
      if (down.content) throw new Error('content is down');
      await held;
      if (courseId !== 'crs_1') return refuse('not_found', 'There is no such course.');
      return { course: { id: courseId, title: 'Ledgers', slug: 'ledgers' }, release };
    },
  },
};

const paid = {
  orderId: 'ord_1',
  buyerId: asha.id,
  number: 'S-1001',
  lines: [{ title: 'Ledgers', gross: inr(49_900n), tax: inr(7_612n), net: inr(42_288n) }],
  total: inr(49_900n),
  paymentId: 'pay_1',
  provider: 'sandbox',
};
const granted = { enrolmentId: 'enr_1', userId: asha.id, courseId: 'crs_1', orderId: 'ord_1', release: 1 };

function unwrap<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code}`);
  return answer;
}

describe('notifications', () => {
  let world: TestWorld;
  let under: ServiceUnderTest;
  const start = (databaseUrl?: string, quiet = false) =>
    startServiceForTest(notifications, {
      others,
      world,
      quiet,
      publicUrl: 'https://learn.example.org',
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
    });

  beforeAll(async () => {
    world = testWorld();
    under = await start();
  });
  afterAll(() => under.stop());
  beforeEach(async () => {
    down.identity = false;
    down.content = false;
    await under.sql.execute('TRUNCATE feeds, notifications, tasks, mail_queue, inbox');
  });

  const as = (userId: string, ...roles: string[]) => ({ principal: userPrincipal(userId, ...roles) });
  const client = () => under.client(NotificationsService);
  const feed = async (userId = asha.id): Promise<Notification[]> =>
    unwrap(await client().listNotifications({ pageSize: 100 }, as(userId))).notifications;
  const tasksLeft = async () => (await under.sql.query('SELECT 1 FROM tasks')).length;
  /** When every task is told and every mail sent. */
  const told = () =>
    vi.waitFor(async () => {
      expect(await tasksLeft()).toBe(0);
      expect(await under.sql.query('SELECT 1 FROM mail_queue')).toEqual([]);
    }, soon);
  const mailsTo = async (user: { id: string }) => unwrap(await client().listMail({ pageSize: 100 }, as(user.id))).mails;

  it('tell each fact in the app, and receipts, refunds and enrolments by mail', async () => {
    const mailsBefore = (await mailsTo(asha)).length;
    await under.deliver(UserRegisteredSchema, { userId: asha.id });
    await under.deliver(PaymentFailedSchema, { orderId: 'ord_1', code: 'card_declined', buyerId: asha.id });
    await under.deliver(OrderPaidSchema, paid);
    await under.deliver(EnrolmentGrantedSchema, granted);
    await under.deliver(CourseCompletedSchema, { userId: asha.id, courseId: 'crs_1', release: 1 });
    const refunded = { ...paid, refundId: 'ref_1', amount: paid.total, lines: [], wholeOrderRefunded: true };
    await under.deliver(OrderRefundedSchema, refunded);
    await under.deliver(EnrolmentEndedSchema, { ...granted, refundId: 'ref_1' });
    await told();
    expect((await feed()).map(({ kind, title, link }) => [kind, title, link])).toEqual([
      ['enrolment_ended', 'No longer yours: Ledgers', '/courses/ledgers'],
      ['refund', '₹499.00 refunded for order S-1001', '/orders/ord_1'],
      ['course_completed', 'Completed: Ledgers', '/learn'],
      ['enrolment', 'You can start: Ledgers', '/courses/ledgers'],
      ['receipt', 'Receipt for order S-1001', '/orders/ord_1'],
      ['payment_failed', 'Your payment did not go through', '/checkout/ord_1'],
      ['welcome', 'Welcome to Suuupra', '/courses'],
    ]);
    const mails = (await mailsTo(asha)).slice(0, -mailsBefore || undefined);
    expect(mails.map((mail) => mail.subject).sort()).toEqual([
      'Receipt for order S-1001',
      'Refund for order S-1001',
      'You can start: Ledgers',
    ]);
    for (const mail of mails) expect(mail.text).toContain('You get this mail because');
    expect(await feed(mallory.id)).toEqual([]);
  });

  it('tell a fact once, however often it comes', async () => {
    const mailsBefore = (await mailsTo(asha)).length;
    for (let times = 0; times < 3; times += 1) {
      await under.deliver(OrderPaidSchema, paid, 'evt_same');
      await told();
      // As if the inbox had forgotten it while the first was being told.
      await under.sql.execute('TRUNCATE inbox');
      if (times === 0) await under.sql.execute('TRUNCATE feeds, notifications');
    }
    await under.sql.execute('TRUNCATE feeds, notifications');
    await under.deliver(OrderPaidSchema, paid, 'evt_other');
    await under.deliver(OrderPaidSchema, paid, 'evt_other');
    await told();
    expect(await feed()).toHaveLength(1);
    // A mail has the id of its event, so the mailbox knows it again even then.
    expect(await mailsTo(asha)).toHaveLength(mailsBefore + 2);
  });

  it('tell nobody of a payment whose buyer is not named', async () => {
    await under.deliver(PaymentFailedSchema, { paymentId: 'pay_1', orderId: 'ord_1', code: 'expired' });
    expect(await tasksLeft()).toBe(0);
  });

  it('call people by name only at an address that is shown to be theirs', async () => {
    await under.deliver(OrderPaidSchema, { ...paid, buyerId: mallory.id });
    await under.deliver(OrderPaidSchema, paid);
    await told();
    expect((await mailsTo(mallory))[0]?.text).toMatch(/^Hello,\n/);
    expect((await mailsTo(mallory))[0]?.text).not.toContain('evil');
    expect((await mailsTo(asha))[0]?.text).toMatch(/^Hello Asha,\n/);
  });

  it('are in the app when their reader has no address any more', async () => {
    await under.deliver(OrderPaidSchema, { ...paid, buyerId: 'usr_gone' });
    await told();
    expect(await feed('usr_gone')).toHaveLength(1);
  });

  it('say "your course" of a course that content does not know', async () => {
    await under.deliver(EnrolmentGrantedSchema, { ...granted, courseId: 'crs_gone' });
    await told();
    expect((await feed())[0]?.title).toBe('You can start: your course');
  });

  it('each wait for what they need, and for nothing else', async () => {
    down.identity = true;
    down.content = true;
    await under.deliver(OrderPaidSchema, paid);
    await under.deliver(EnrolmentGrantedSchema, granted);
    await vi.waitFor(async () => {
      const tries = await under.sql.query<{ tries: number }>('SELECT tries FROM tasks');
      expect(tries.map((task) => task.tries)).toEqual([1, 1, 1]);
    }, soon);
    expect((await feed()).map((one) => one.kind)).toEqual(['receipt']);
    down.identity = false;
    down.content = false;
    world.advance(1_000);
    await under.deliver(UserRegisteredSchema, { userId: asha.id });
    await told();
    expect((await feed()).map((one) => one.kind).sort()).toEqual(['enrolment', 'receipt', 'welcome']);
  });

  it('that cannot be written down keep nothing from being told that is told with them', async () => {
    const first = Promise.withResolvers<void>();
    held = first.promise;
    // Claimed alone, it holds the loop until all the others wait.
    await under.deliver(EnrolmentGrantedSchema, granted);
    // A sign that PostgreSQL takes in no text.
    await under.deliver(OrderPaidSchema, { ...paid, buyerId: 'usr_\u0000' }, 'evt_poison');
    for (let n = 0; n < 5; n += 1) await under.deliver(OrderPaidSchema, { ...paid, orderId: `ord_p${n}` });
    held = undefined;
    first.resolve();
    await vi.waitFor(async () => {
      const left = await under.sql.query<{ event_id: string; channel: string }>('SELECT event_id, channel FROM tasks');
      expect(left).toEqual([{ event_id: 'evt_poison', channel: 'app' }]);
    }, soon);
    expect((await feed()).map((one) => one.kind).filter((kind) => kind === 'receipt')).toHaveLength(5);
  });

  it('that could not be told for a week are dropped, and the log says so', async () => {
    down.content = true;
    await under.deliver(EnrolmentGrantedSchema, granted, 'evt_late');
    await vi.waitFor(async () => {
      const due = await under.sql.query<{ due_at: Date; tries: number }>('SELECT due_at, tries FROM tasks');
      expect(due.every((task) => task.tries === 1 && task.due_at.getTime() < world.now() + 2_000)).toBe(true);
    }, soon);
    world.advance(7 * 24 * 3_600_000 + 1);
    await under.deliver(UserRegisteredSchema, { userId: asha.id });
    await told();
    expect((await feed()).map((one) => one.kind)).toEqual(['welcome']);
    const errors = under.logged.filter((line) => ownOf(line)['event'] === 'evt_late' && line['log.level'] === 'error');
    expect(errors.map((line) => ownOf(line)['channel']).sort()).toEqual(['app', 'mail']);
  });

  it('left by a process that died are told by the next', async () => {
    const dying = await start(undefined, true);
    await dying.deliver(OrderPaidSchema, paid);
    await dying.stop();
    const next = await start(dying.databaseUrl);
    try {
      await vi.waitFor(async () => {
        const rows = await next.sql.query('SELECT 1 FROM notifications');
        expect(rows).toHaveLength(1);
      }, soon);
    } finally {
      await next.stop();
    }
  });

  it('of one person are told once and numbered without gaps by two processes at once', async () => {
    const second = await start(under.databaseUrl);
    try {
      const facts = Array.from({ length: 40 }, (_, n) => ({ ...paid, orderId: `ord_${n}` }));
      await Promise.all(facts.map((fact, n) => [under, second][n % 2]?.deliver(OrderPaidSchema, fact)));
      await told();
      const rows = await under.sql.query<{ seq: bigint; link: string }>(
        'SELECT seq, link FROM notifications ORDER BY seq',
      );
      expect(rows.map((row) => Number(row.seq))).toEqual(facts.map((_, n) => n + 1));
      expect(new Set(rows.map((row) => row.link)).size).toBe(facts.length);
    } finally {
      await second.stop();
    }
  });

  it('are told once when a process comes back to a task that another has meanwhile told', async () => {
    const first = Promise.withResolvers<void>();
    held = first.promise;
    await under.deliver(EnrolmentGrantedSchema, granted);
    await vi.waitFor(async () => {
      const tries = await under.sql.query<{ tries: number }>('SELECT tries FROM tasks');
      expect(tries.map((task) => task.tries)).toEqual([1, 1]);
    }, soon);
    held = undefined;
    world.advance(10_000);
    const second = await start(under.databaseUrl);
    try {
      await told();
      first.resolve();
      // Told after what the first process still had in hand.
      await under.deliver(UserRegisteredSchema, { userId: asha.id });
      await told();
      expect((await feed()).map((one) => one.kind).sort()).toEqual(['enrolment', 'welcome']);
    } finally {
      await second.stop();
    }
  });

  describe('in the list', () => {
    const add = async (count: number, userId = asha.id) => {
      for (let n = 0; n < count; n += 1) {
        await under.sql.transaction((tx) =>
          addNotifications(tx, world, [{ userId, notice: { kind: 'welcome', title: `${n}`, body: '', link: '/' } }]),
        );
      }
    };

    it('are shown newest first, each once, while new ones come', async () => {
      await add(7);
      const seen: string[] = [];
      let token = '';
      do {
        const page = unwrap(await client().listNotifications({ pageSize: 3, pageToken: token }, as(asha.id)));
        seen.push(...page.notifications.map((one) => one.title));
        token = page.nextPageToken;
        await add(1);
      } while (token !== '');
      expect(seen).toEqual(['6', '5', '4', '3', '2', '1', '0']);
    });

    it('are kept to the newest 500 of each person', async () => {
      await add(2, mallory.id);
      await under.sql.execute(`INSERT INTO feeds VALUES ($1, $2)`, [asha.id, keptMax]);
      await under.sql.execute(
        `INSERT INTO notifications (user_id, seq, id, kind, title, body, link, created_at)
         SELECT $1, n, 'old_' || n, 'welcome', '', '', '/', $2 FROM generate_series(1, $3::int) n`,
        [asha.id, new Date(world.now()), keptMax],
      );
      await add(3);
      const rows = await under.sql.query<{ seq: bigint }>(
        'SELECT seq FROM notifications WHERE user_id = $1 ORDER BY seq',
        [asha.id],
      );
      expect([rows.length, Number(rows[0]?.seq), Number(rows.at(-1)?.seq)]).toEqual([keptMax, 4, keptMax + 3]);
      expect(await feed(mallory.id)).toHaveLength(2);
    });

    it('are marked as read: some, all, and never those of others', async () => {
      await add(4);
      await add(1, mallory.id);
      const [first, second] = await feed();
      const read = async (ids: string[], userId = asha.id) =>
        unwrap(await client().markRead({ ids }, as(userId))).unreadCount;
      expect(await read([first?.id ?? '', 'ntf_nobody'], mallory.id)).toBe(1);
      expect(await read([first?.id ?? '', second?.id ?? ''])).toBe(2);
      expect((await feed()).map((one) => one.readAt !== undefined)).toEqual([true, true, false, false]);
      const readAt = (await feed())[0]?.readAt;
      world.advance(1_000);
      expect(await read([])).toBe(0);
      expect((await feed())[0]?.readAt).toEqual(readAt);
      expect(unwrap(await client().listNotifications({}, as(mallory.id))).unreadCount).toBe(1);
    });

    it('are refused to nobody, and page by page as everywhere', async () => {
      const anonymous = await client().listNotifications({});
      expect(isRefusal(anonymous) && anonymous.code).toBe('unauthenticated');
      const bad = [
        await client().listNotifications({ pageSize: 101 }, as(asha.id)),
        await client().listNotifications({ pageToken: 'x' }, as(asha.id)),
        await client().listMail({ pageToken: 'x' }, as(asha.id)),
      ];
      expect(bad.map((answer) => isRefusal(answer) && answer.errors[0]?.field)).toEqual([
        'pageSize',
        'pageToken',
        'pageToken',
      ]);
    });
  });

  describe('the mailbox', () => {
    it("shows my mail only; everybody's to an administrator", async () => {
      await under.deliver(OrderPaidSchema, paid);
      await under.deliver(OrderPaidSchema, { ...paid, buyerId: mallory.id });
      await told();
      expect(new Set((await mailsTo(asha)).map((mail) => mail.to))).toEqual(new Set([asha.email]));
      const learner = await client().listMail({ all: true }, as(asha.id));
      expect(isRefusal(learner) && learner.code).toBe('permission_denied');
      const all = unwrap(await client().listMail({ all: true, pageSize: 100 }, as('usr_admin', 'admin'))).mails;
      expect(new Set(all.map((mail) => mail.to))).toEqual(new Set([asha.email, mallory.email]));
      expect(await mailsTo({ id: 'usr_gone' })).toEqual([]);
    });

    it('is shown page by page, each mail once', async () => {
      for (let n = 0; n < 3; n += 1) await under.deliver(OrderPaidSchema, paid);
      await told();
      const whole = (await mailsTo(asha)).map((mail) => mail.id);
      const seen: string[] = [];
      let token = '';
      do {
        const page = unwrap(await client().listMail({ pageSize: 2, pageToken: token }, as(asha.id)));
        seen.push(...page.mails.map((mail) => mail.id));
        token = page.nextPageToken;
      } while (token !== '');
      expect(whole.length).toBeGreaterThan(2);
      expect(seen).toEqual(whole);
    });

    it('is off when mail is really sent', async () => {
      const { handlers } = notificationsRpc({
        sql: under.sql,
        world,
        mail: { send: async () => {}, ping: async () => 0 },
        identity: { getUsers: () => Promise.reject(new Error('not to be asked')) },
      });
      const context = { principal: userPrincipal('usr_admin', 'admin') } as unknown as CallContext;
      const answer = await handlers['listMail']?.({ pageSize: 0, pageToken: '', all: true } as never, context);
      expect(isRefusal(answer) && answer.code).toBe('mailbox_off');
    });
  });
});

/** What our own code adds to a log line. */
function ownOf(line: Record<string, unknown>): Record<string, unknown> {
  return (line['suuupra'] ?? {}) as Record<string, unknown>;
}
