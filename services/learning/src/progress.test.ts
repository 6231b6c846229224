import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evolve, type LessonProgress, type ProgressChange, passed, untouched } from './progress.ts';

const at = new Date(Date.UTC(2026, 0, 1));
const later = new Date(Date.UTC(2026, 0, 2));
const video = { kind: 'video', durationSeconds: 100 } as const;
const text = { kind: 'text', durationSeconds: 60 } as const;

const through = (lesson: typeof video | typeof text, ...changes: ProgressChange[]): LessonProgress =>
  changes.reduce<LessonProgress>((before, change) => evolve(before, lesson, change, at), untouched);

describe('evolve', () => {
  it.each([
    [89, false],
    [90, true],
    [91, true],
  ])('calls a video watched to second %i of 100 completed: %s', (positionSeconds, completed) => {
    expect(through(video, { positionSeconds })).toMatchObject({ positionSeconds, completed });
  });

  it('never completes a text by reading position, nor a video of unknown length', () => {
    expect(through(text, { positionSeconds: 60 }).completed).toBe(false);
    expect(evolve(untouched, { kind: 'video', durationSeconds: 0 }, { positionSeconds: 9_000 }, at)).toMatchObject({
      completed: false,
      positionSeconds: 9_000,
    });
  });

  it('keeps the furthest position, within the lesson', () => {
    expect(through(video, { positionSeconds: 40 }, { positionSeconds: 10 }).positionSeconds).toBe(40);
    expect(through(video, { positionSeconds: 5_000 }).positionSeconds).toBe(100);
  });

  it('keeps what is completed, and when it first was', () => {
    const done = evolve(untouched, text, { completed: true }, at);
    expect(evolve(done, text, { completed: true, positionSeconds: 1 }, later)).toMatchObject({
      completed: true,
      completedAt: at,
    });
  });

  it('goes back only when asked to, and remembers that it was completed once', () => {
    const back = through(video, { completed: true, positionSeconds: 50 }, { completed: false, positionSeconds: 20 });
    expect(back).toEqual({ completed: false, positionSeconds: 20, wasCompleted: true });
    expect(through(video, { positionSeconds: 95 }, { completed: false }, { positionSeconds: 30 })).toMatchObject({
      completed: false,
      positionSeconds: 95,
    });
  });

  it('comes to the same whatever the order of calls that do not ask to go back, and however often they come', () => {
    const change = fc.record(
      { positionSeconds: fc.integer({ min: 0, max: 120 }), completed: fc.constant(true) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(change), fc.array(fc.nat()), (changes, picks) => {
        const late = picks.flatMap((pick) => changes[pick % Math.max(1, changes.length)] ?? []);
        expect(through(video, ...late, ...changes, ...late)).toEqual(through(video, ...[...changes].reverse()));
      }),
    );
  });

  it('completes a quiz by passing it', () => {
    expect(passed(untouched, at)).toMatchObject({ completed: true, completedAt: at, wasCompleted: true });
  });
});
