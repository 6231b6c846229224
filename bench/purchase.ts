/**
 * Whole purchases a second and CPU a purchase: order, payment with tok_ok, and everything the events then do (order
 * marked paid, journal, enrolment, receipt), against the same number of bare node:http answers.
 */
import { randomUUID } from 'node:crypto';
import {
  anonymousClient,
  assertInBalance,
  type Course,
  entriesOf,
  eventually,
  forAll,
  type Order,
  type Person,
  pay,
  placeOrder,
  publishCourse,
  signIn,
  signUp,
  trialBalance,
} from '../test/client.ts';
import { demoPassword, familyOf, makeDataFolder, startPlatform } from '../test/platform.ts';
import { cpuMs, machine, median, spread, table } from './measure.ts';
import { generateLoad, startBareServer } from './processes.ts';
import { statementsOf } from './statements.ts';

const rounds = 5;
const buyers = 20;
const coursesPerRound = 10;
const atOnce = 16;

/** Processes whose CPU is counted, PostgreSQL apart from those of the platform. */
export interface Counted {
  readonly platform: readonly number[];
  readonly postgres: readonly number[];
}

export interface Round {
  readonly ordersPerSecond: number;
  readonly paymentsPerSecond: number;
  readonly purchasesPerSecond: number;
  readonly nodeCpuMsPerPurchase: number;
  readonly postgresCpuMsPerPurchase: number;
  readonly settledAfterMs: number;
  /** Of one request, order or payment. */
  readonly requestMs: readonly number[];
}

export async function benchPurchase(): Promise<string> {
  const data = makeDataFolder();
  try {
    const platform = await startPlatform({ data });
    // It started its PostgreSQL, which is so among its descendants, and counted apart from them.
    const counted = { platform: [platform.processId], postgres: [data.postgresId() ?? 0] };
    const measured = await purchaseRounds(platform.url, counted, rounds);
    const statements = await statementsOf(data.folder, async () => {
      await purchaseRounds(platform.url, counted, 0);
    });
    return [report(measured, await bareCpuUs()), '', statementTable(statements)].join('\n');
  } finally {
    await data.remove();
  }
}

/** Rounds of purchases after one that warms up (0: that one alone); the books are in balance at the end. */
export async function purchaseRounds(url: string, counted: Counted, count: number): Promise<readonly Round[]> {
  const visitor = anonymousClient(url);
  const instructor = await signIn(visitor, 'instructor@suuupra.test', demoPassword);
  const finance = await signIn(visitor, 'finance@suuupra.test', demoPassword);
  const people = await Promise.all(Array.from({ length: buyers }, (_, index) => signUp(visitor, `Buyer${index}`)));
  const results: Round[] = [];
  for (let round = 0; round <= count; round += 1) {
    const courses: Course[] = [];
    for (let index = 0; index < coursesPerRound; index += 1) {
      courses.push(await publishCourse(instructor, `Bench ${randomUUID()}`, { currency: 'INR', amountMinor: '49900' }));
    }
    const measured = await buyAll(people, courses, finance, counted);
    if (round > 0) results.push(measured);
  }
  assertInBalance(await trialBalance(finance));
  return results;
}

async function buyAll(
  people: readonly Person[],
  courses: readonly Course[],
  finance: Person,
  counted: Counted,
): Promise<Round> {
  const wanted = courses.flatMap((course) => people.map((buyer) => ({ buyer, course })));
  const cpuBefore = cpuOf(counted);
  const requestMs: number[] = [];
  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const fromMs = performance.now();
    return await work.finally(() => requestMs.push(performance.now() - fromMs));
  };
  const startedMs = performance.now();
  const orders: { buyer: Person; order: Order }[] = [];
  await forAll(
    wanted,
    async ({ buyer, course }) => {
      orders.push({ buyer, order: await timed(placeOrder(buyer, course.id)) });
    },
    atOnce,
  );
  const orderedMs = performance.now();
  await forAll(orders, ({ buyer, order }) => timed(pay(buyer, order.id, 'tok_ok')), atOnce);
  const paidMs = performance.now();
  // Journals come after the order is marked paid; the last order's is not always the last, so each is looked for once.
  for (const { order } of orders) {
    await eventually(
      'the journal is there',
      () => entriesOf(finance, order.id),
      (entries) => entries.length === 1,
    );
  }
  const settledMs = performance.now();
  const after = cpuOf(counted);
  const perPurchase = (ms: number) => ms / wanted.length;
  return {
    ordersPerSecond: wanted.length / ((orderedMs - startedMs) / 1_000),
    paymentsPerSecond: wanted.length / ((paidMs - orderedMs) / 1_000),
    purchasesPerSecond: wanted.length / ((paidMs - startedMs) / 1_000),
    nodeCpuMsPerPurchase: perPurchase(after.platform - cpuBefore.platform),
    postgresCpuMsPerPurchase: perPurchase(after.postgres - cpuBefore.postgres),
    settledAfterMs: settledMs - paidMs,
    requestMs,
  };
}

/** A process counts with its descendants; an embedded PostgreSQL is one of them, and taken off again. */
function cpuOf({ platform, postgres }: Counted): { platform: number; postgres: number } {
  const sum = (ids: readonly number[]) => ids.reduce((total, id) => total + cpuMs(id), 0);
  const descendants = new Set(platform.flatMap((id) => familyOf(id)));
  const within = sum(postgres.filter((id) => descendants.has(id)));
  return { platform: sum(platform) - within, postgres: sum(postgres) };
}

/** The courses of the round are published meanwhile, and its people sign up: a few statements in a hundred. */
function statementTable(statements: ReadonlyMap<string, number>): string {
  const each = (count: number) => (count / (buyers * coursesPerRound)).toFixed(1);
  const rows = [...statements].toSorted((a, b) => b[1] - a[1]).map(([name, count]) => [name, each(count)]);
  const total = [...statements.values()].reduce((sum, count) => sum + count, 0);
  return [
    'Statements a purchase, by database, in one more round in which the server logs them: BEGIN and COMMIT, what runs by the clock, and the reading that found it done are counted too.',
    '',
    table(['database', 'statements'], [...rows, ['all', each(total)]]),
  ].join('\n');
}

/** CPU of a bare answer of the size of an order, in this session. */
async function bareCpuUs(): Promise<number> {
  const bare = await startBareServer(JSON.stringify({ order: 'x'.repeat(900) }));
  const samples: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const before = cpuMs(bare.processId);
    const seen = await generateLoad({
      origin: bare.origin,
      path: '/',
      headers: {},
      connections: atOnce,
      seconds: 1,
      manyAddresses: false,
    });
    if (round > 0) samples.push(((cpuMs(bare.processId) - before) * 1_000) / seen.requests);
  }
  await bare.stop();
  return median(samples);
}

function report(results: readonly Round[], bareUs: number): string {
  const column = (name: Exclude<keyof Round, 'requestMs'>) => results.map((round) => round[name]);
  const cpu = results.map((round) => round.nodeCpuMsPerPurchase + round.postgresCpuMsPerPurchase);
  const bareMs = (2 * bareUs) / 1_000;
  return [
    '## A whole purchase',
    '',
    `${machine()}. ${buyers * coursesPerRound} purchases a round by ${buyers} people, ${atOnce} requests at once, tok_ok; ${rounds} rounds after a warm-up, median (least–most). A purchase is two requests (order, payment); its CPU includes all that the events do afterwards and the reading that found it done. Every answer is durable before it is given (fsync on).`,
    '',
    table(
      ['what', 'figure'],
      [
        ['orders/s', spread(column('ordersPerSecond'))],
        ['payments/s', spread(column('paymentsPerSecond'))],
        ['whole purchases/s', spread(column('purchasesPerSecond'))],
        ['all journals posted after the last payment, ms', spread(column('settledAfterMs'))],
        ['CPU a purchase, Node, ms', spread(column('nodeCpuMsPerPurchase'), 2)],
        ['CPU a purchase, PostgreSQL, ms', spread(column('postgresCpuMsPerPurchase'), 2)],
        ['CPU a purchase, all, ms', spread(cpu, 2)],
        ['two bare node:http answers, ms', bareMs.toFixed(3)],
        ['against bare', `${(median(cpu) / bareMs).toFixed(0)} ×`],
      ],
    ),
  ].join('\n');
}

if (import.meta.main) console.log(await benchPurchase());
