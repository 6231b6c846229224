/** What the platform says when it says no: RFC 9457, with the closed `code` that pages decide by. */
export interface FieldProblem {
  readonly field: string;
  readonly code: string;
  readonly detail: string;
}

interface ProblemParts {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly traceId?: string;
  readonly retryAfterSeconds?: number;
  readonly errors?: readonly FieldProblem[];
}

export class Problem extends Error {
  /** HTTP status; 0 when no answer came at all. */
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly traceId: string;
  readonly retryAfterSeconds: number;
  readonly errors: readonly FieldProblem[];
  constructor(parts: ProblemParts) {
    super(parts.detail || parts.title);
    this.name = 'Problem';
    this.status = parts.status;
    this.code = parts.code;
    this.title = parts.title;
    this.detail = parts.detail;
    this.traceId = parts.traceId ?? '';
    this.retryAfterSeconds = parts.retryAfterSeconds ?? 0;
    this.errors = parts.errors ?? [];
  }

  /** The same call may succeed if it is simply made again. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.code === 'idempotency_in_progress';
  }

  /** What is wrong with each field, by its JSON path. */
  fields(): Record<string, string> {
    return Object.fromEntries(this.errors.map((error) => [error.field, sentenceOf(error)]));
  }
}

/** The platform says what a field is to be (`has at least 8 characters`); people are told as a sentence. */
function sentenceOf({ code, detail }: FieldProblem): string {
  if (code === 'required') return 'Fill this in.';
  const rule = /^(has|is) (?!not )(.*)$/.exec(detail);
  const text = rule
    ? `It must ${rule[1] === 'has' ? 'have' : 'be'} ${rule[2]}`
    : detail.charAt(0).toUpperCase() + detail.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** No answer came: the network is down, or the platform is. */
export function offline(): Problem {
  return new Problem({
    status: 0,
    code: 'offline',
    title: 'No connection',
    detail: 'The platform could not be reached. Check the connection and try again.',
  });
}

/** Reads any failed answer; one that is no problem document still becomes a sentence a person can act on. */
export function readProblem(status: number, text: string, headers: { get(name: string): string | null }): Problem {
  const json = parse(text);
  return new Problem({
    status,
    code: word(json.code) || `http_${status}`,
    title: word(json.title) || 'Something went wrong',
    detail: word(json.detail) || `The platform answered with status ${status}.`,
    traceId: word(json.traceId) || headers.get('x-request-id') || '',
    retryAfterSeconds: Math.max(0, Number(headers.get('retry-after') ?? 0) || 0),
    errors: fieldProblems(json.errors),
  });
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const detail = 'This page met an error of its own. Reload it; if it stays, tell us what you did.';
  return new Problem({ status: -1, code: 'page_error', title: 'Something went wrong', detail });
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function fieldProblems(value: unknown): FieldProblem[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => {
    const error = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>;
    return word(error.field) ? [{ field: word(error.field), code: word(error.code), detail: word(error.detail) }] : [];
  });
}
