import { describe, expect, it } from 'vitest';
import { courseStanding, type LessonStanding, type Outline } from './outline.ts';

const outline: Outline = {
  courseId: 'crs_1',
  release: 1,
  title: 'T',
  slug: 't',
  lessons: ['a', 'b', 'c', 'd'].map((id) => ({ id, kind: 'text', durationSeconds: 0 })),
};
const standing = (lessonId: string, completed: boolean, minute: number): LessonStanding => ({
  lessonId,
  completed,
  updatedAt: new Date(Date.UTC(2026, 0, 1, 0, minute)),
});
const next = (...standings: LessonStanding[]) => courseStanding(outline, standings).nextLessonId;

describe('courseStanding', () => {
  it('counts completed lessons of this release only', () => {
    const standings = [standing('a', true, 1), standing('b', false, 2), standing('of-another-release', true, 3)];
    expect(courseStanding(outline, standings)).toMatchObject({ completedLessons: 1, totalLessons: 4, fraction: 0.25 });
  });

  it('continues at the beginning, in the lesson touched last, or after it', () => {
    expect(next()).toBe('a');
    expect(next(standing('b', false, 1))).toBe('b');
    expect(next(standing('b', true, 1))).toBe('c');
    expect(next(standing('c', true, 1), standing('a', true, 2))).toBe('b');
  });

  it('comes back to what was left out, and ends when all is done', () => {
    expect(next(standing('d', true, 1))).toBe('a');
    expect(next(...['a', 'b', 'c', 'd'].map((id) => standing(id, true, 1)))).toBe('');
  });

  it('says nothing is done in a course without lessons', () => {
    expect(courseStanding({ ...outline, lessons: [] }, [])).toEqual({
      completedLessons: 0,
      totalLessons: 0,
      fraction: 0,
      nextLessonId: '',
    });
  });
});
