/** Learning what was bought: progress that never moves back, a quiz that the server grades, completion told once. */
import assert from 'node:assert/strict';
import {
  accessTo,
  eventually,
  listEnrolments,
  listNotifications,
  outlineOf,
  placeOrder,
  refusal,
  success,
} from '../client.ts';
import { courseAndBuyer, rupees, type Scenario } from './stage.ts';

interface Attempt {
  readonly id: string;
  readonly status: 'in_progress' | 'submitted';
  readonly score?: number;
  readonly maxScore: number;
  readonly passed?: boolean;
  readonly questions: readonly { readonly id: string; readonly options: readonly { readonly id: string }[] }[];
}

interface LessonProgress {
  readonly completed: boolean;
  readonly positionSeconds: number;
}

export const learn: Scenario = async (stage) => {
  const { course, buyer } = await courseAndBuyer(stage, 'To be learned', rupees(0));
  await placeOrder(buyer, course.id);
  await eventually(
    'access is granted',
    () => accessTo(buyer, course.id),
    ({ entitled }) => entitled,
  );
  const lessons = (await outlineOf(buyer, course.id)).flatMap((section) => section.lessons);
  const [preview, text, quiz] = lessons;
  assert(preview && text && quiz?.kind === 'quiz', 'two texts and a quiz');

  const put = async (lessonId: string, body: object) => {
    const answer = await buyer.call<{ progress: LessonProgress }>('PUT', `/lessons/${lessonId}/progress`, { body });
    return success(answer, 200, 'progress').progress;
  };
  await put(text.id, { positionSeconds: 30, completed: true });
  const late = await put(text.id, { positionSeconds: 10 });
  assert.equal(late.completed, true, 'a late call takes no completion away');
  await put(preview.id, { completed: true });
  const ticked = await buyer.call('PUT', `/lessons/${quiz.id}/progress`, { body: { completed: true } });
  refusal(ticked, 409, 'completed_by_passing', 'a quiz ticked by hand');

  const progressOf = async () => (await listEnrolments(buyer)).find(({ courseId }) => courseId === course.id)?.progress;
  assert.deepEqual(await progressOf(), { completedLessons: 2, totalLessons: 3, fraction: 2 / 3 });
  await failThenPass(buyer, quiz.id);
  await eventually('everything is completed', progressOf, (progress) => progress?.fraction === 1);
  await eventually(
    'the completion is told',
    () => listNotifications(buyer),
    (told) => told.some(({ link, title }) => `${link}${title}`.includes(course.slug) || title.includes(course.title)),
  );
};

async function failThenPass(buyer: Parameters<typeof accessTo>[0], quizId: string): Promise<void> {
  const start = async () => {
    const answer = await buyer.call<{ attempt: Attempt }>('POST', `/lessons/${quizId}/attempts`, { body: {} });
    return success(answer, 201, 'attempt').attempt;
  };
  const submit = async (attempt: Attempt) => {
    const answer = await buyer.call<{ attempt: Attempt }>('POST', `/attempts/${attempt.id}:submit`, { body: {} });
    return success(answer, 200, 'submit').attempt;
  };
  const choose = async (attempt: Attempt, option: number) => {
    const [question] = attempt.questions;
    const optionId = question?.options[option]?.id;
    const path = `/attempts/${attempt.id}/answers/${question?.id}`;
    return await buyer.call('PUT', path, { body: { optionIds: [optionId] } });
  };
  const first = await start();
  assert.equal((await start()).id, first.id, 'one attempt is open at a time');
  // The first option is the right one; options may come in another order, so both are tried.
  const outcomes: boolean[] = [];
  for (const option of [0, 1]) {
    const attempt = await start();
    success(await choose(attempt, option), 200, 'answer');
    const graded = await submit(attempt);
    assert.equal(graded.status, 'submitted');
    assert.equal(graded.score, graded.passed ? graded.maxScore : 0);
    assert.deepEqual(await submit(attempt), graded, 'a second submission answers the first result');
    refusal(await choose(attempt, option), 409, 'attempt_submitted', 'answering after the end');
    outcomes.push(graded.passed === true);
  }
  assert.deepEqual(outcomes.sort(), [false, true], 'one of the two answers is right');
}
