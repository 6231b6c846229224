/** A quiz: start, answer with every answer saved as it is given, submit, read why, try again. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { attemptQuery, attemptsQuery, startAttempt, submitAttempt } from '../api/learning.ts';
import { asProblem } from '../api/problem.ts';
import type { Attempt, Lesson } from '../api/types.ts';
import { plural } from '../lib/words.ts';
import { Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { QueryView } from '../ui/states.tsx';
import { QuestionView } from './quiz-question.tsx';
import { QuizResults } from './quiz-results.tsx';
import { useAnswers } from './use-answers.ts';

export function Quiz({ lesson, keeps }: { lesson: Lesson; keeps: boolean }) {
  const attempts = useQuery({ ...attemptsQuery(lesson.id), enabled: keeps });
  const [chosen, setChosen] = useState<string>();
  if (!keeps) {
    return (
      <Notice tone="info" title="Quizzes are for people who take the course">
        <p>When the course is yours, your answers are kept and graded here.</p>
      </Notice>
    );
  }
  return (
    <QueryView query={attempts}>
      {(list) => {
        const shown = chosen ?? list[0]?.id;
        return shown ? (
          <AttemptView key={shown} id={shown} lesson={lesson} onStarted={(next) => setChosen(next)} />
        ) : (
          <Start lesson={lesson} onStarted={setChosen} label="Start the quiz" isFirst />
        );
      }}
    </QueryView>
  );
}

interface StartProps {
  lesson: Lesson;
  onStarted: (attemptId: string) => void;
  label: string;
  isFirst?: boolean;
}

function Start({ lesson, onStarted, label, isFirst }: StartProps) {
  const client = useQueryClient();
  const start = useMutation({
    mutationFn: () => startAttempt(lesson.id),
    onSuccess: (data) => {
      client.setQueryData(attemptQuery(data.attempt.id).queryKey, data);
      onStarted(data.attempt.id);
    },
  });
  return (
    <div className="quiz-start">
      {isFirst && <p>Your answers are saved as you give them. Nothing is graded before you submit.</p>}
      <Button look="primary" isPending={start.isPending} onPress={() => start.mutate()}>
        {label}
      </Button>
      {start.error && (
        <Notice tone="danger" live>
          <p>{asProblem(start.error).detail}</p>
        </Notice>
      )}
    </div>
  );
}

function AttemptView({ id, lesson, onStarted }: { id: string; lesson: Lesson; onStarted: (id: string) => void }) {
  const query = useQuery({ ...attemptQuery(id), staleTime: Number.POSITIVE_INFINITY });
  return (
    <QueryView query={query}>
      {(attempt) =>
        attempt.status === 'submitted' ? (
          <>
            <QuizResults attempt={attempt} />
            <Start lesson={lesson} onStarted={onStarted} label="Try again" />
          </>
        ) : (
          <OpenAttempt attempt={attempt} lesson={lesson} />
        )
      }
    </QueryView>
  );
}

const savedWords = {
  idle: 'Answers are saved as you give them',
  saving: 'Saving',
  saved: 'Saved',
  failed: 'Not saved yet; trying again',
} as const;

function OpenAttempt({ attempt, lesson }: { attempt: Attempt; lesson: Lesson }) {
  const client = useQueryClient();
  const answers = useAnswers(attempt);
  const [asking, setAsking] = useState(false);
  const submit = useMutation({
    mutationFn: async () => {
      await answers.flush();
      return submitAttempt(attempt.id);
    },
    onSuccess: (data) => {
      setAsking(false);
      client.setQueryData(attemptQuery(attempt.id).queryKey, data);
      for (const key of [['progress', lesson.courseId], ['enrolments'], ['attempts', lesson.id]])
        void client.invalidateQueries({ queryKey: key });
      window.scrollTo({ top: 0 });
    },
    onError: () => setAsking(false),
  });
  const open = attempt.questions.filter((question) => !answers.isAnswered(question)).length;
  return (
    <form className="quiz" aria-label={lesson.title} onSubmit={(event) => event.preventDefault()}>
      <p className="quiz-facts">
        {plural(attempt.questions.length, 'question')}, passes with {Math.round(attempt.passFraction * 100)} %. Attempt{' '}
        {attempt.number}, begun <Time at={attempt.startedAt} style="ago" />.
      </p>
      <ol className="questions">
        {attempt.questions.map((question, index) => (
          <li key={question.id} className="question">
            <QuestionView
              question={question}
              number={index + 1}
              answer={answers.of(question.id)}
              onAnswer={(answer) => answers.set(question.id, answer)}
            />
          </li>
        ))}
      </ol>
      {submit.error && (
        <Notice tone="danger" title="Not submitted" live>
          <p>{asProblem(submit.error).detail} Your answers are kept.</p>
        </Notice>
      )}
      <div className="quiz-foot">
        <Button
          look="primary"
          isPending={submit.isPending}
          onPress={() => (open > 0 ? setAsking(true) : submit.mutate())}
        >
          Submit
        </Button>
        <span className={`quiz-saved quiz-saved-${answers.state}`} role="status">
          {savedWords[answers.state]}
        </span>
      </div>
      <Dialog
        title="Submit with open questions?"
        isOpen={asking}
        onClose={() => setAsking(false)}
        busy={submit.isPending}
      >
        <div className="form">
          <p>
            {plural(open, 'question')} without an answer will count as wrong. You can try the quiz again afterwards.
          </p>
          <div className="button-row button-row-end">
            <Button onPress={() => setAsking(false)}>Go on answering</Button>
            <Button look="primary" isPending={submit.isPending} onPress={() => submit.mutate()}>
              Submit now
            </Button>
          </div>
        </div>
      </Dialog>
    </form>
  );
}
