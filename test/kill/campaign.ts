/** The kill test as it runs: people, courses, a platform that is killed and started again, and all that was said. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  anonymousClient,
  assertInBalance,
  type Course,
  type Person,
  publishCourse,
  signIn,
  signUp,
  type TrialBalance,
} from '../client.ts';
import {
  type DataFolder,
  demoPassword,
  killPostgres,
  launchPlatform,
  type RunningPlatform,
  startPlatform,
} from '../platform.ts';
import { type BackOffice, openDesk, workAtDesk } from './back-office.ts';
import { deliverAgain } from './databases.ts';
import { answersOf, type KillKind, type KillPlan, type Plan } from './plan.ts';
import { type Acknowledged, type Bought, insist, type Street, shop } from './shopper.ts';

export interface Campaign {
  readonly bought: readonly Bought[];
  readonly acknowledged: readonly Acknowledged[];
  readonly finance: Person;
  /** What finance did while all this went on. */
  readonly backOffice: BackOffice;
  /** The platform after the last kill; it still runs. */
  readonly platform: RunningPlatform;
  readonly kills: readonly Killed[];
  /** How often the trial balance was found in balance while all this went on. */
  readonly balanceChecks: number;
  /** What came instead of answers, counted. */
  readonly unanswered: ReadonlyMap<string, number>;
  /** What all lives of the platform have logged as errors. */
  readonly errorsLogged: readonly string[];
}

export interface Killed {
  readonly kind: KillKind;
  readonly afterAnswers: number;
  readonly restartSeconds: number;
}

/** Prices that do not divide well, in two currencies; each can be halved and leave something. */
const prices = [49_900, 3, 33_333, 99_999, 7, 120_000, 250, 19_900, 101, 64_007];
const balanceEveryMs = 400;
/** Records of each partition that are delivered again after a kill: most of what the work so far has told. */
const redelivered = 30;

/** Plays the plan to its end. Throws at the first answer that is not true any more. */
export async function runCampaign(data: DataFolder, plan: Plan, say: (line: string) => void): Promise<Campaign> {
  let platform = await startPlatform({ data, env: settings });
  let home = Promise.resolve(platform.url);
  const lives = [platform];
  try {
    const people = await gather(platform.url, plan);
    const desk = await openDesk(platform.url, data, people);
    const acknowledged: Acknowledged[] = [];
    const unanswered = new Map<string, number>();
    const street: Street = {
      url: () => home,
      finance: people.finance,
      couponCode: desk.couponCode,
      acknowledge: (answer) => void acknowledged.push(answer),
      unanswered: (why) => void unanswered.set(why, (unanswered.get(why) ?? 0) + 1),
    };
    const ending = new AbortController();
    const shopping = Promise.all(plan.purchases.map((purchase) => shop(street, purchase, ...people.of(purchase))));
    const killing = killAll(plan, acknowledged, ending.signal, async (kill) => {
      // Nobody knocks while it is down: two hundred who do would slow the start that they wait for.
      const back = strike(platform, data, kill);
      home = back.then(({ url }) => url);
      platform = await back;
      lives.push(platform);
      return platform;
    });
    const auditing = audit(street, ending.signal);
    const settling = workAtDesk(street, desk, ending.signal);
    // Whichever fails first ends the others.
    const [bought] = await Promise.all([
      shopping.finally(() => ending.abort()),
      killing.catch((error: unknown) => fail(ending, error)),
      auditing.catch((error: unknown) => fail(ending, error)),
      settling.catch((error: unknown) => fail(ending, error)),
    ]);
    const kills = await killing;
    for (const each of kills) say(`${each.kind} after ${each.afterAnswers} answers, back in ${each.restartSeconds} s`);
    const errorsLogged = lives
      .flatMap((life) => life.output().split('\n'))
      .filter((line) => /"level":"error"/.test(line));
    return {
      errorsLogged,
      bought,
      acknowledged,
      finance: people.finance,
      backOffice: await settling,
      platform,
      kills,
      balanceChecks: await auditing,
      unanswered,
    };
  } catch (error) {
    const printed = lives.map((life, index) => `--- life ${index + 1}\n${life.output().slice(-6_000)}`).join('\n');
    throw new Error(`${(error as Error).message}\nThe platform printed:\n${printed}`, { cause: error });
  }
}

const settings = { SUUUPRA_LOG_LEVEL: 'warn' };

function fail(ending: AbortController, error: unknown): never {
  ending.abort();
  throw error;
}

async function gather(url: string, plan: Plan) {
  const visitor = anonymousClient(url);
  const instructor = await signIn(visitor, 'instructor@suuupra.test', demoPassword);
  const courseCount = Math.max(...plan.purchases.map(({ course }) => course)) + 1;
  const courses: Course[] = [];
  for (let index = 0; index < courseCount; index += 1) {
    const price = { currency: index % 5 === 4 ? 'USD' : 'INR', amountMinor: `${prices[index % prices.length]}` };
    courses.push(await publishCourse(instructor, `Kill test ${index} ${randomUUID().slice(0, 8)}`, price));
  }
  const clientCount = Math.max(...plan.purchases.map(({ client }) => client)) + 1;
  const buyers = await Promise.all(Array.from({ length: clientCount }, (_, index) => signUp(visitor, `Buyer${index}`)));
  return {
    instructor,
    finance: await signIn(visitor, 'finance@suuupra.test', demoPassword),
    of: ({ client, course }: { client: number; course: number }): [Person, Course] => [
      buyers[client] as Person,
      courses[course] as Course,
    ],
  };
}

/** Waits for each kill's moment, counted in acknowledged answers, and carries it out. */
async function killAll(
  plan: Plan,
  acknowledged: readonly Acknowledged[],
  ended: AbortSignal,
  carryOut: (kill: KillPlan) => Promise<RunningPlatform>,
): Promise<readonly Killed[]> {
  const expected = answersOf(plan.purchases);
  const killed: Killed[] = [];
  for (const kill of plan.kills) {
    const at = Math.floor(kill.atShare * expected);
    while (acknowledged.length < at && !ended.aborted) await delay(5);
    assert(!ended.aborted, `the work ended after ${acknowledged.length} answers, before the kill planned at ${at}`);
    await delay(kill.delayMs);
    const afterAnswers = acknowledged.length;
    const { readySeconds } = await carryOut(kill);
    killed.push({ kind: kill.kind, afterAnswers, restartSeconds: readySeconds });
  }
  return killed;
}

/** Kills the platform as the plan says and starts it again on the same data. */
async function strike(platform: RunningPlatform, data: DataFolder, kill: KillPlan): Promise<RunningPlatform> {
  const postgres = data.postgresId();
  const ending = platform.end('SIGKILL');
  if (kill.kind === 'node and postgres') killPostgres(data, 'all processes');
  if (kill.kind === 'node and postmaster') killPostgres(data, 'postmaster only');
  const { signal } = await ending;
  assert.equal(signal, 'SIGKILL', 'the platform had not ended by itself before');
  if (kill.kind === 'node') {
    assert.equal(data.postgresId(), postgres, 'kill -9 of Node leaves its PostgreSQL');
    process.kill(postgres ?? 0, 0);
    await deliverAgain(data, redelivered);
  }
  if (kill.kind === 'node twice') {
    const doomed = launchPlatform({ data, env: settings });
    await Promise.race([delay(kill.startMs), doomed.ready]);
    await doomed.end('SIGKILL');
  }
  return await startPlatform({ data, env: settings });
}

/** Reads the trial balance again and again while everything else goes on. Gives how often it was in balance. */
async function audit(street: Street, ended: AbortSignal): Promise<number> {
  let checks = 0;
  while (!ended.aborted) {
    const answer = await insist<TrialBalance>(street, street.finance, 'GET', '/ledger/trial-balance');
    assert.equal(answer.status, 200, `trial balance: ${answer.text}`);
    assertInBalance(answer.json);
    checks += 1;
    await delay(balanceEveryMs, undefined, { signal: ended }).catch(() => {});
  }
  return checks;
}
