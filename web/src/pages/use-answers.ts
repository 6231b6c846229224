/** The answers of an open attempt: on the screen at once, on the server shortly after, one save at a time. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { putAnswer } from '../api/learning.ts';
import { asProblem } from '../api/problem.ts';
import type { Attempt, AttemptQuestion } from '../api/types.ts';
import { backOffMs } from '../lib/interval.ts';

export interface GivenAnswer {
  readonly optionIds?: string[];
  readonly value?: number;
}

export type SaveState = 'idle' | 'saving' | 'saved' | 'failed';

const typingPauseMs = 400;
const savesMax = 8;

export interface Answers {
  readonly state: SaveState;
  of(questionId: string): GivenAnswer | undefined;
  set(questionId: string, answer: GivenAnswer): void;
  isAnswered(question: AttemptQuestion): boolean;
  /** Resolves when every answer, shown orders included, is on the server; throws when one cannot be saved. */
  flush(): Promise<void>;
}

export function useAnswers(attempt: Attempt): Answers {
  const [given, setGiven] = useState<ReadonlyMap<string, GivenAnswer>>(() => savedOf(attempt));
  const [state, setState] = useState<SaveState>('idle');
  const waiting = useRef(new Map<string, GivenAnswer>());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const failures = useRef(0);
  const saveAll = useCallback(async () => {
    while (waiting.current.size > 0) {
      const [questionId, answer] = waiting.current.entries().next().value as [string, GivenAnswer];
      waiting.current.delete(questionId);
      setState('saving');
      try {
        await putAnswer(attempt.id, questionId, answer);
        failures.current = 0;
      } catch (error) {
        if (!waiting.current.has(questionId)) waiting.current.set(questionId, answer);
        setState('failed');
        throw error;
      }
    }
    setState('saved');
  }, [attempt.id]);
  const saveSoon = useCallback(
    (pauseMs: number) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        saveAll().catch((error: unknown) => {
          failures.current += 1;
          if (asProblem(error).passing && failures.current <= savesMax) saveSoon(backOffMs(failures.current));
        });
      }, pauseMs);
    },
    [saveAll],
  );
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = (questionId: string, answer: GivenAnswer) => {
    setGiven((old) => new Map(old).set(questionId, answer));
    waiting.current.set(questionId, answer);
    saveSoon(typingPauseMs);
  };
  const flush = async () => {
    clearTimeout(timer.current);
    for (const question of attempt.questions) {
      if (question.kind === 'ordering' && !given.has(question.id)) {
        waiting.current.set(question.id, { optionIds: question.options.map((option) => option.id) });
      }
    }
    await saveAll();
  };
  return {
    state,
    of: (id) => given.get(id),
    set,
    isAnswered: (question) => isAnswered(question, given.get(question.id)),
    flush,
  };
}

function savedOf(attempt: Attempt): Map<string, GivenAnswer> {
  return new Map(
    attempt.answers.map((answer) => [
      answer.questionId,
      { optionIds: answer.optionIds, ...(answer.value !== undefined && { value: answer.value }) },
    ]),
  );
}

/** An order is always an answer: what is shown is what counts. */
export function isAnswered(question: AttemptQuestion, answer: GivenAnswer | undefined): boolean {
  if (question.kind === 'ordering') return true;
  if (question.kind === 'numeric') return answer?.value !== undefined;
  return (answer?.optionIds?.length ?? 0) > 0;
}
