import { expect, it } from 'vitest';
import { type LoopOptions, startLoop } from './loop.ts';

/** A loop whose rounds the test waits for. */
function watched(
  round: (number: number) => number | undefined | Promise<number | undefined>,
  idleMsMax: number,
  everyMsMin = 0,
) {
  let rounds = 0;
  let heard = Promise.withResolvers<void>();
  const failures: unknown[] = [];
  const options: LoopOptions = {
    now: Date.now,
    idleMsMax,
    everyMsMin,
    failed: (error) => failures.push(error),
    round: async () => {
      rounds += 1;
      heard.resolve();
      heard = Promise.withResolvers<void>();
      return round(rounds);
    },
  };
  const loop = startLoop(options);
  const until = async (wanted: number) => {
    while (rounds < wanted) await heard.promise;
  };
  return { loop, until, failures, rounds: () => rounds };
}

const never = 3_600_000;

it('works at once, when something is due, and when it is nudged', async () => {
  const { loop, until, rounds } = watched((round) => (round === 1 ? Date.now() + 20 : undefined), never);
  await until(2);
  loop.nudge();
  await until(3);
  await loop.stop();
  expect(rounds()).toBe(3);
});

it('looks again after the idle time, and loses no nudge that comes during a round', async () => {
  const idle = watched(() => Date.now() + never, 10);
  await idle.until(3);
  await idle.loop.stop();

  const begun = Promise.withResolvers<void>();
  const busy = watched(async (round) => {
    await begun.promise;
    if (round === 1) busy.loop.nudge();
    return undefined;
  }, never);
  begun.resolve();
  await busy.until(2);
  await busy.loop.stop();
  expect(busy.failures).toEqual([]);
});

it('answers nudges that come soon after a round together, and waits with nothing that is due', async () => {
  const everyMsMin = 300;
  const { loop, until, rounds } = watched(() => undefined, never, everyMsMin);
  await until(1);
  const firstMs = performance.now();
  for (let nudge = 0; nudge < 5; nudge += 1) {
    loop.nudge();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(2);
  expect(performance.now() - firstMs).toBeGreaterThan(everyMsMin - 50);
  expect(rounds()).toBe(2);
  await loop.stop();
  expect(rounds()).toBe(2);

  const due = watched((round) => (round < 5 ? Date.now() - 1 : undefined), never, never);
  await due.until(5);
  await due.loop.stop();
});

it('goes on after a round that failed, and stops while it waits', async () => {
  const { loop, until, failures } = watched((round) => {
    if (round === 1) throw new Error('away');
    return undefined;
  }, never);
  await until(2);
  expect(failures).toEqual([new Error('away')]);
  await loop.stop();
});
