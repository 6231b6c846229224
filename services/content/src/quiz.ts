/** What a quiz is: its stored form, the reading of what an author sends, and what a learner may see of it. */
import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FieldError } from '@suuupra/contracts/errors';
import type {
  AnswerKey,
  Option,
  Question,
  Quiz,
  QuizSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { type QuestionKindWord, questionKindOf, questionKindWord } from './course.ts';
import { inlineWork, inlineWorkMax, type Rendered, renderInline, renderMarkdown } from './markdown.ts';

export interface StoredQuiz {
  readonly passFraction: number;
  /** 0: no limit. */
  readonly attemptsMax: number;
  readonly questions: readonly StoredQuestion[];
}

export interface StoredQuestion {
  readonly id: string;
  readonly kind: QuestionKindWord;
  readonly stem: string;
  readonly stemHtml: string;
  readonly unit: string;
  readonly points: number;
  readonly options: readonly StoredOption[];
  readonly key: StoredKey;
  readonly feedback: StoredFeedback;
}

export interface StoredOption {
  readonly id: string;
  readonly text: string;
  readonly textHtml: string;
  readonly feedback: string;
  readonly feedbackHtml: string;
}

export interface StoredKey {
  readonly optionIds: readonly string[];
  readonly value: number;
  readonly tolerance: number;
}

export interface StoredFeedback {
  readonly correct: string;
  readonly correctHtml: string;
  readonly incorrect: string;
  readonly incorrectHtml: string;
}

/** When the author does not say: seven tenths of the points. A quiz that nothing passes would pass an empty attempt. */
const passFractionDefault = 0.7;
const pointsDefault = 1;
/** All texts of one quiz together, so that its answer with HTML stays below the size of a message. */
const quizCharsMax = 300_000;
const questionsMax = 100;
const optionsMin = 2;
/** Time a learner is expected to take for one question. */
const secondsPerQuestion = 60;
const idHexChars = 12;

export interface ReadQuiz {
  readonly quiz: StoredQuiz;
  readonly fileIds: readonly string[];
  readonly durationSeconds: number;
}

/** Collects what is wrong, under paths like `content.quiz.questions[2].key`. */
class Problems {
  readonly found: FieldError[] = [];
  add(field: string, code: string, detail: string): void {
    this.found.push({ field, code, detail });
  }
}

/** Reads what an author sent, gives ids to what has none and checks every key; or says all that is wrong. */
export function readQuiz(quiz: Quiz, path: string): ReadQuiz | FieldError[] {
  const problems = new Problems();
  checkWhole(quiz, path, problems);
  if (problems.found.length > 0) return problems.found;
  const fileIds = new Set<string>();
  const taken = new Set(quiz.questions.map((question) => question.id).filter((id) => id !== ''));
  const questions = quiz.questions.map((question, index) =>
    readQuestion(question, { path: `${path}.questions[${index}]`, taken, fileIds, problems }),
  );
  if (problems.found.length > 0) return problems.found;
  return {
    quiz: {
      passFraction: quiz.passFraction === 0 ? passFractionDefault : quiz.passFraction,
      attemptsMax: quiz.attemptsMax,
      questions,
    },
    fileIds: [...fileIds],
    durationSeconds: questions.length * secondsPerQuestion,
  };
}

function checkWhole(quiz: Quiz, path: string, problems: Problems): void {
  const { questions, passFraction } = quiz;
  if (questions.length === 0) problems.add(`${path}.questions`, 'too_few', 'a quiz has at least one question');
  if (questions.length > questionsMax) problems.add(`${path}.questions`, 'too_many', `at most ${questionsMax}`);
  if (!(passFraction >= 0 && passFraction <= 1)) {
    problems.add(`${path}.passFraction`, 'out_of_range', 'the share of the points that passes, 0 to 1');
  }
  const texts = questions.flatMap(textsOf);
  if (texts.reduce((sum, text) => sum + text.length, 0) > quizCharsMax) {
    problems.add(
      `${path}.questions`,
      'too_long',
      `all texts of a quiz together have at most ${quizCharsMax} characters`,
    );
  }
  if (texts.reduce((sum, text) => sum + inlineWork(text), 0) > inlineWorkMax) {
    problems.add(`${path}.questions`, 'too_long', 'the texts hold more Markdown than a reader could follow');
  }
  const seen = new Set<string>();
  questions.forEach(({ id }, index) => {
    if (id !== '' && seen.has(id))
      problems.add(`${path}.questions[${index}].id`, 'not_allowed', 'another question has this id');
    seen.add(id);
  });
}

function textsOf(question: Question): string[] {
  const { feedback, options } = question;
  return [
    question.stem,
    feedback?.correct ?? '',
    feedback?.incorrect ?? '',
    ...options.flatMap((option) => [option.text, option.feedback]),
  ];
}

interface QuestionPlace {
  readonly path: string;
  /** Ids that questions of this quiz have. */
  readonly taken: Set<string>;
  readonly fileIds: Set<string>;
  readonly problems: Problems;
}

function readQuestion(question: Question, place: QuestionPlace): StoredQuestion {
  const { path, problems } = place;
  const kind = questionKindWord(question.kind);
  if (kind === undefined) problems.add(`${path}.kind`, 'required', 'single, multiple, numeric or ordering');
  if (question.stem.trim() === '') problems.add(`${path}.stem`, 'required', 'what is asked');
  const rendered = new Renderer(place);
  const options = readOptions(question, kind ?? 'single', place, rendered);
  return {
    id: question.id === '' ? freeId('q', `${question.kind}\n${question.stem}`, place.taken) : question.id,
    kind: kind ?? 'single',
    stem: question.stem,
    stemHtml: rendered.block(question.stem, `${path}.stem`),
    unit: question.unit,
    points: question.points === 0 ? pointsDefault : question.points,
    options,
    key: readKey(question, kind ?? 'single', options, place),
    feedback: {
      correct: question.feedback?.correct ?? '',
      correctHtml: rendered.block(question.feedback?.correct ?? '', `${path}.feedback.correct`),
      incorrect: question.feedback?.incorrect ?? '',
      incorrectHtml: rendered.block(question.feedback?.incorrect ?? '', `${path}.feedback.incorrect`),
    },
  };
}

/** Renders the texts of one question, keeping the files they show and what could not be read. */
class Renderer {
  readonly #place: QuestionPlace;
  constructor(place: QuestionPlace) {
    this.#place = place;
  }
  block(text: string, path: string): string {
    return this.#keep(renderMarkdown(text), path);
  }
  inline(text: string, path: string): string {
    return this.#keep(renderInline(text), path);
  }
  #keep(rendered: Rendered | undefined, path: string): string {
    if (rendered === undefined)
      this.#place.problems.add(path, 'not_allowed', 'nested deeper than a reader could follow');
    for (const id of rendered?.fileIds ?? []) this.#place.fileIds.add(id);
    return rendered?.html ?? '';
  }
}

function readOptions(
  question: Question,
  kind: QuestionKindWord,
  place: QuestionPlace,
  rendered: Renderer,
): StoredOption[] {
  const { path, problems } = place;
  const { options } = question;
  if (kind === 'numeric' && options.length > 0) {
    problems.add(`${path}.options`, 'not_allowed', 'a numeric question has no options');
  }
  if (kind !== 'numeric' && options.length < optionsMin) {
    problems.add(`${path}.options`, 'too_few', `a ${kind} question has at least ${optionsMin} options`);
  }
  const taken = new Set<string>();
  options.forEach((option, index) => {
    if (option.text.trim() === '') problems.add(`${path}.options[${index}].text`, 'required', 'what may be chosen');
    if (option.id !== '' && taken.has(option.id)) {
      problems.add(`${path}.options[${index}].id`, 'not_allowed', 'another option has this id');
    }
    if (option.id !== '') taken.add(option.id);
  });
  return options.map((option, index) => readOption(option, `${path}.options[${index}]`, taken, rendered));
}

function readOption(option: Option, path: string, taken: Set<string>, rendered: Renderer): StoredOption {
  return {
    id: option.id === '' ? freeId('o', option.text, taken) : option.id,
    text: option.text,
    textHtml: rendered.inline(option.text, `${path}.text`),
    feedback: option.feedback,
    feedbackHtml: rendered.inline(option.feedback, `${path}.feedback`),
  };
}

/** An id made of what it names, so that the same quiz sent again is the same quiz. */
function freeId(prefix: string, text: string, taken: Set<string>): string {
  for (let turn = 0; ; turn += 1) {
    const digest = createHash('sha256').update(`${turn}\n${text}`).digest('hex').slice(0, idHexChars);
    const id = `${prefix}_${digest}`;
    if (taken.has(id)) continue;
    taken.add(id);
    return id;
  }
}

function readKey(
  question: Question,
  kind: QuestionKindWord,
  options: readonly StoredOption[],
  { path, problems }: QuestionPlace,
): StoredKey {
  const none = { optionIds: [], value: 0, tolerance: 0 };
  const { key } = question;
  if (key === undefined) {
    problems.add(`${path}.key`, 'required', 'what is right');
    return none;
  }
  if (kind === 'numeric') return readNumericKey(key, path, problems);
  const optionIds = idsOfKey(key, options, path, problems);
  const problem = problemOfChoice(kind, optionIds, options.length);
  if (problem !== undefined) problems.add(`${path}.key`, 'bad_format', problem);
  if (key.value !== 0 || key.tolerance !== 0) {
    problems.add(`${path}.key.value`, 'not_allowed', `a ${kind} question has no value`);
  }
  return { ...none, optionIds };
}

function readNumericKey(key: AnswerKey, path: string, problems: Problems): StoredKey {
  if (key.optionIds.length > 0 || key.optionPositions.length > 0) {
    problems.add(`${path}.key`, 'not_allowed', 'a numeric question has a value, not options');
  }
  if (!Number.isFinite(key.value)) problems.add(`${path}.key.value`, 'bad_format', 'a finite number');
  if (!(Number.isFinite(key.tolerance) && key.tolerance >= 0)) {
    problems.add(`${path}.key.tolerance`, 'out_of_range', '0 or more');
  }
  return { optionIds: [], value: key.value, tolerance: key.tolerance };
}

function idsOfKey(key: AnswerKey, options: readonly StoredOption[], path: string, problems: Problems): string[] {
  if (key.optionIds.length > 0 && key.optionPositions.length > 0) {
    problems.add(`${path}.key`, 'not_allowed', 'give optionIds or optionPositions, not both');
  }
  key.optionPositions.forEach((position, index) => {
    if (options[position] !== undefined) return;
    problems.add(
      `${path}.key.optionPositions[${index}]`,
      'out_of_range',
      `a position in options, 0 to ${options.length - 1}`,
    );
  });
  const known = new Set(options.map((option) => option.id));
  key.optionIds.forEach((id, index) => {
    if (!known.has(id)) problems.add(`${path}.key.optionIds[${index}]`, 'not_allowed', 'no option has this id');
  });
  if (key.optionIds.length > 0) return [...key.optionIds];
  return key.optionPositions.map((position) => options[position]?.id ?? '');
}

function problemOfChoice(kind: QuestionKindWord, ids: readonly string[], optionCount: number): string | undefined {
  if (new Set(ids).size !== ids.length) return 'names an option twice';
  if (kind === 'single' && ids.length !== 1) return 'a single question has exactly one right option';
  if (kind === 'multiple' && ids.length === 0) return 'a multiple question has at least one right option';
  if (kind === 'ordering' && ids.length !== optionCount)
    return 'an ordering question names every option once, in the right order';
  return undefined;
}

/** The quiz as a message; without keys and feedback unless `withAnswers`. */
export function quizMessage(quiz: StoredQuiz, withAnswers: boolean): MessageInitShape<typeof QuizSchema> {
  return {
    passFraction: quiz.passFraction,
    attemptsMax: quiz.attemptsMax,
    questions: quiz.questions.map((question) => ({
      id: question.id,
      kind: questionKindOf(question.kind),
      stem: question.stem,
      stemHtml: question.stemHtml,
      unit: question.unit,
      points: question.points,
      options: question.options.map(({ feedback, feedbackHtml, ...shown }) =>
        withAnswers ? { ...shown, feedback, feedbackHtml } : shown,
      ),
      ...(withAnswers && {
        key: { ...question.key, optionIds: [...question.key.optionIds] },
        feedback: { ...question.feedback },
      }),
    })),
  };
}
