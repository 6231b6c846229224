/** Purchases without end: people who buy, learn, refund and dispute while parts of the platform fail. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { testWorld } from '@suuupra/platform/world';
import {
  anonymousClient,
  type Course,
  forAll,
  type Person,
  publishCourse,
  signIn,
  signUp,
  success,
} from '../client.ts';
import { planOf } from '../kill/plan.ts';
import { type Acknowledged, type Bought, type Street, shop } from '../kill/shopper.ts';
import { demoPassword } from '../platform.ts';

export interface LoadSize {
  readonly buyers: number;
  /** Each buyer buys each course once: more than a few in an hour, and a bank would ask whether it is really them. */
  readonly courses: number;
  /** Between two purchases of a buyer. */
  readonly pauseMs: number;
}

export interface Load {
  readonly finance: Person;
  readonly acknowledged: readonly Acknowledged[];
  /** What came instead of answers, with how often, since the last call of this. */
  takeUnanswered(): ReadonlyMap<string, number>;
  /** The longest that an answer took with all repetitions, since the last call of this. */
  takeSlowestMs(): number;
  /** No new purchases; resolves with all that was bought when those under way have ended. */
  end(): Promise<readonly Bought[]>;
  /** Rejects at the first answer that is not true any more. */
  readonly broken: Promise<never>;
  /** Throws when that has happened: nothing more is to be struck then. */
  assertWhole(): void;
}

/** The retry rule of docs/api. */
const firstPauseMs = 250;
const pauseMsMax = 5_000;
const signUpsAtOnce = 4;
const prices = [49_900, 33_333, 99_999, 120_000, 19_900, 64_007];

export async function beginLoad(url: string, seed: number, size: LoadSize): Promise<Load> {
  const visitor = anonymousClient(url);
  const finance = await signIn(visitor, 'finance@suuupra.test', demoPassword);
  const instructor = await signIn(visitor, 'instructor@suuupra.test', demoPassword);
  const couponCode = `FAULT-${randomUUID().slice(0, 8)}`.toUpperCase();
  const coupon = { code: couponCode, percentBasisPoints: 2_000, scope: 'all' };
  success(await finance.call('POST', '/coupons', { key: randomUUID(), body: coupon }), 201, 'coupon');
  const courses = await publishCourses(instructor, size.courses);
  const buyers: Person[] = [];
  // A few at a time: making a password safe is work, and too many at once are sent away.
  await forAll(
    Array.from({ length: size.buyers }, (_, index) => index),
    async (index) => void buyers.push(await signUp(visitor, `Buyer${index}`)),
    signUpsAtOnce,
  );
  const { random } = testWorld(0, seed);
  const planned = planOf(seed, { purchases: size.buyers * size.courses, clients: size.buyers, kills: 1 });
  // The run lasts longer than evidence may be waited for: a dispute that nobody answers would be lost at some moment of it.
  const purchases = planned.purchases.map((each) =>
    each.dispute === 'leave' ? { ...each, dispute: 'accept' as const } : each,
  );

  const acknowledged: Acknowledged[] = [];
  let unanswered = new Map<string, number>();
  let slowestMs = 0;
  const street: Street = {
    url: async () => url,
    finance,
    couponCode,
    retryMs: (repeated) => Math.min(pauseMsMax, firstPauseMs * 2 ** repeated),
    answeredAfter: (ms) => {
      slowestMs = Math.max(slowestMs, ms);
    },
    acknowledge: (answer) => void acknowledged.push(answer),
    unanswered: (why) => void unanswered.set(why, (unanswered.get(why) ?? 0) + 1),
  };
  const ending = new AbortController();
  const bought: Bought[] = [];
  const shopping = buyers.map(async (buyer, client) => {
    for (const purchase of purchases.filter((each) => each.client === client)) {
      if (ending.signal.aborted) return;
      bought.push(await shop(street, purchase, buyer, courses[purchase.course] as Course));
      await delay(size.pauseMs * (0.5 + random()), undefined, { signal: ending.signal }).catch(() => {});
    }
  });
  const broken = Promise.withResolvers<never>();
  let failure: unknown;
  broken.promise.catch((error: unknown) => {
    failure = error;
  });
  for (const one of shopping) one.catch(broken.reject);
  return {
    finance,
    acknowledged,
    takeUnanswered: () => {
      const taken = unanswered;
      unanswered = new Map();
      return taken;
    },
    takeSlowestMs: () => {
      const taken = slowestMs;
      slowestMs = 0;
      return taken;
    },
    end: async () => {
      ending.abort();
      await Promise.all(shopping);
      return bought;
    },
    broken: broken.promise,
    assertWhole: () => {
      if (failure !== undefined) throw failure;
    },
  };
}

async function publishCourses(instructor: Person, count: number): Promise<readonly Course[]> {
  const courses: Course[] = [];
  for (let index = 0; index < count; index += 1) {
    const price = { currency: index % 5 === 4 ? 'USD' : 'INR', amountMinor: `${prices[index % prices.length]}` };
    courses.push(await publishCourse(instructor, `Fault run ${index} ${randomUUID().slice(0, 8)}`, price));
  }
  return courses;
}
