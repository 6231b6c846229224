/**
 * What every scenario plays on: addresses and people of a running platform. A scenario asserts by itself and knows
 * nothing of processes, so that the same file runs against one process and against many.
 */
import {
  anonymousClient,
  type Client,
  type Course,
  type Money,
  type Person,
  publishCourse,
  signIn,
  signUp,
} from '../client.ts';

export interface Stage {
  /** Nobody in particular. */
  readonly visitor: Client;
  readonly finance: Person;
  /** Teaches every course that a scenario makes. */
  readonly instructor: Person;
}

export type Scenario = (stage: Stage) => Promise<void>;

/** Signs in the demo people that scenarios need. */
export async function setStage(url: string, demoPassword: string): Promise<Stage> {
  const visitor = anonymousClient(url);
  return {
    visitor,
    finance: await signIn(visitor, 'finance@suuupra.test', demoPassword),
    instructor: await signIn(visitor, 'instructor@suuupra.test', demoPassword),
  };
}

export const rupees = (amount: number): Money => ({ currency: 'INR', amountMinor: String(amount * 100) });

/** A course of the scenario's own and somebody new who may buy it. */
export async function courseAndBuyer(
  { visitor, instructor }: Stage,
  title: string,
  price = rupees(499),
): Promise<{ course: Course; buyer: Person }> {
  const course = await publishCourse(instructor, title, price);
  return { course, buyer: await signUp(visitor) };
}
