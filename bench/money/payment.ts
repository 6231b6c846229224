/**
 * A whole sandbox payment over HTTP (order, intent, capture, journal, enrolment) against an order of Medusa, both on the
 * same embedded PostgreSQL settings, one after the other on the same machine.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '@suuupra/platform/sql/sql-embedded';
import {
  anonymousClient,
  assertInBalance,
  type Course,
  entriesOf,
  eventually,
  type Person,
  pay,
  placeOrder,
  publishCourse,
  signIn,
  signUp,
  trialBalance,
} from '../../test/client.ts';
import { demoPassword, makeDataFolder, startPlatform } from '../../test/platform.ts';
import { cpuMs, machine, table } from '../measure.ts';
import { keepBusy, keepRate, type Ran } from './loads.ts';
import { type Medusa, startMedusa } from './medusa.ts';

const atOnce = 16;
const seconds = 10;
const buyers = 40;
/** The service level is held at this share of the rate that is reached when everything is always busy. */
const shareOfKnee = 0.7;

interface Ours {
  readonly busy: Ran;
  readonly settledPerSecond: number;
  readonly cpuMsEach: number;
  readonly steady: Ran;
  readonly steadyRate: number;
}

export async function benchPayment(): Promise<string> {
  const ours = await measureOurs();
  const peer = await measureMedusa();
  return report(ours, peer);
}

/** Each number is another person and course, so that nobody buys a course twice. */
async function market(instructor: Person, people: readonly Person[], purchases: number) {
  const courses: Course[] = [];
  for (let index = 0; index < Math.ceil(purchases / people.length); index += 1)
    courses.push(await publishCourse(instructor, `Bench ${randomUUID()}`, { currency: 'INR', amountMinor: '49900' }));
  return (number: number): { buyer: Person; course: Course } => {
    const buyer = people[number % people.length];
    const course = courses[Math.floor(number / people.length)];
    if (buyer === undefined || course === undefined) throw new Error(`the bench has nothing left to buy at ${number}`);
    return { buyer, course };
  };
}

async function measureOurs(): Promise<Ours> {
  const data = makeDataFolder();
  try {
    const platform = await startPlatform({ data });
    const visitor = anonymousClient(platform.url);
    const instructor = await signIn(visitor, 'instructor@suuupra.test', demoPassword);
    const finance = await signIn(visitor, 'finance@suuupra.test', demoPassword);
    const people = await Promise.all(Array.from({ length: buyers }, (_, index) => signUp(visitor, `Buyer${index}`)));
    // With its PostgreSQL, which is among its descendants.
    const nodes = () => cpuMs(platform.processId);
    let last = '';
    const buy = (wares: Awaited<ReturnType<typeof market>>) => async (number: number) => {
      const { buyer, course } = wares(number);
      const order = await placeOrder(buyer, course.id);
      const payment = await pay(buyer, order.id, 'tok_ok');
      if (payment.status !== 'succeeded') throw new Error(`a payment is ${payment.status}`);
      last = order.id;
    };
    await keepBusy({ atOnce, seconds: 2 }, buy(await market(instructor, people, 2_000)));
    const wares = await market(instructor, people, 6_000);
    const beforeMs = nodes();
    const startedMs = performance.now();
    const busy = await keepBusy({ atOnce, seconds }, buy(wares));
    // All that the events do is done when the last order's journal is there; the ledger takes them in order.
    await eventually(
      'the journal',
      () => entriesOf(finance, last),
      (entries) => entries.length === 1,
    );
    const settledPerSecond = busy.done / ((performance.now() - startedMs) / 1_000);
    const cpuMsEach = (nodes() - beforeMs) / busy.done;
    const steadyRate = Math.max(1, settledPerSecond * shareOfKnee);
    const steady = await keepRate(
      { perSecond: steadyRate, seconds },
      buy(await market(instructor, people, steadyRate * seconds + buyers)),
    );
    await eventually(
      'the journal',
      () => entriesOf(finance, last),
      (entries) => entries.length === 1,
    );
    assertInBalance(await trialBalance(finance));
    return { busy, settledPerSecond, cpuMsEach, steady, steadyRate };
  } finally {
    await data.remove();
  }
}

interface Peer {
  readonly version: string;
  readonly busy: Ran;
  readonly cpuMsEach: number;
}

async function measureMedusa(): Promise<Peer | string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-bench-postgres-'));
  const server = await startEmbeddedPostgres({ folder, password: 'bench' });
  try {
    const medusa = await startMedusa(await server.database('postgres'));
    if (typeof medusa === 'string') return medusa;
    try {
      return await measure(medusa);
    } finally {
      await medusa.stop();
    }
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(medusa: Medusa): Promise<Peer> {
  await keepBusy({ atOnce, seconds: 3 }, (number) => medusa.order(1_000_000 + number));
  const beforeMs = cpuMs(medusa.processId);
  const busy = await keepBusy({ atOnce, seconds }, (number) => medusa.order(number));
  return { version: medusa.version, busy, cpuMsEach: (cpuMs(medusa.processId) - beforeMs) / busy.done };
}

function report(ours: Ours, peer: Peer | string): string {
  const row = (name: string, perSecond: number, ran: Ran, cpu: string) => [
    name,
    perSecond.toFixed(1),
    ran.p50Ms.toFixed(0),
    ran.p99Ms.toFixed(0),
    cpu,
  ];
  const rows = [
    row(
      'a whole payment here, all busy, until journal and enrolment are there',
      ours.settledPerSecond,
      ours.busy,
      ours.cpuMsEach.toFixed(1),
    ),
    row(
      `the same at ${Math.round(shareOfKnee * 100)} % of that rate, each from when it was due`,
      ours.steadyRate,
      ours.steady,
      '',
    ),
  ];
  if (typeof peer !== 'string')
    rows.push(
      row(
        `an order of Medusa ${peer.version}, all busy, without its database's CPU`,
        peer.busy.perSecond,
        peer.busy,
        peer.cpuMsEach.toFixed(1),
      ),
    );
  const ratio =
    typeof peer === 'string'
      ? peer
      : `${(ours.settledPerSecond / peer.busy.perSecond).toFixed(1)} × the orders a second of Medusa.`;
  return [
    '## A whole payment',
    '',
    `${machine()}. ${atOnce} people at once for ${seconds} s after a warm-up, load generator, platform and PostgreSQL on the same cores; every answer is on disk before it is given. Here: order, payment with tok_ok (intent, attempt, capture), journal, enrolment, receipt. Medusa: cart with one digital line, payment collection, payment session of its system provider, completion; it authorises, captures nothing and keeps no ledger.`,
    '',
    table(['what', 'a second', 'p50 ms', 'p99 ms', 'CPU ms each'], rows),
    '',
    ratio,
  ].join('\n');
}

if (import.meta.main) console.log(await benchPayment());
