import type { Attempt, AttemptQuestion, QuestionResult } from '../api/types.ts';
import { Badge, Notice } from '../ui/bits.tsx';
import { InlineHtml } from '../ui/prose.tsx';

export function QuizResults({ attempt }: { attempt: Attempt }) {
  const score = attempt.score ?? 0;
  const percent = attempt.maxScore > 0 ? Math.round((score / attempt.maxScore) * 100) : 0;
  return (
    <section className="quiz-results" aria-label="Result">
      <Notice tone={attempt.passed ? 'good' : 'warn'} title={attempt.passed ? 'Passed' : 'Not passed yet'} live>
        <p className="tabular">
          {points(score)} of {points(attempt.maxScore)} points, {percent} %. It passes with{' '}
          {Math.round(attempt.passFraction * 100)} %.
        </p>
      </Notice>
      <ol className="questions">
        {attempt.questions.map((question, index) => (
          <li key={question.id} className="question">
            <QuestionOutcome question={question} number={index + 1} attempt={attempt} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function points(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 2 });
}

function QuestionOutcome({
  question,
  number,
  attempt,
}: {
  question: AttemptQuestion;
  number: number;
  attempt: Attempt;
}) {
  const result = attempt.results.find((one) => one.questionId === question.id);
  return (
    <div className="question-box">
      <div className="question-head">
        <span className="question-number">Question {number}</span>
        <InlineHtml html={question.stemHtml} />
        {result && <Score result={result} />}
      </div>
      <GivenAnswers question={question} attempt={attempt} result={result} />
      {result?.feedbackHtml && (
        <div className="question-feedback">
          <InlineHtml html={result.feedbackHtml} />
        </div>
      )}
    </div>
  );
}

function Score({ result }: { result: QuestionResult }) {
  const isFull = result.score >= result.maxScore;
  return (
    <Badge
      tone={isFull ? 'good' : result.score > 0 ? 'warn' : 'danger'}
      icon={isFull ? 'check' : result.score > 0 ? 'info' : 'close'}
    >
      {isFull ? 'Right' : result.score > 0 ? 'Partly right' : 'Wrong'}, {points(result.score)} of{' '}
      {points(result.maxScore)}
    </Badge>
  );
}

interface GivenProps {
  question: AttemptQuestion;
  attempt: Attempt;
  result: QuestionResult | undefined;
}

function GivenAnswers({ question, attempt, result }: GivenProps) {
  const answer = attempt.answers.find((one) => one.questionId === question.id);
  if (question.kind === 'numeric') {
    return (
      <p className="given">
        Your answer:{' '}
        <strong className="tabular">{answer?.value === undefined ? 'none' : `${answer.value} ${question.unit}`}</strong>
      </p>
    );
  }
  const ids = answer?.optionIds ?? [];
  if (ids.length === 0) return <p className="given">You gave no answer.</p>;
  const List = question.kind === 'ordering' ? 'ol' : 'ul';
  return (
    <>
      <p className="given">{question.kind === 'ordering' ? 'Your order:' : 'You chose:'}</p>
      <List className={question.kind === 'ordering' ? undefined : 'given-list'}>
        {ids.map((id) => {
          const feedback = result?.optionFeedback.find((one) => one.optionId === id)?.feedbackHtml;
          return (
            <li key={id}>
              <InlineHtml html={question.options.find((option) => option.id === id)?.textHtml ?? ''} />
              {feedback && (
                <span className="option-feedback">
                  <InlineHtml html={feedback} />
                </span>
              )}
            </li>
          );
        })}
      </List>
    </>
  );
}
