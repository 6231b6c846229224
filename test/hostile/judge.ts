/** What every answer must be like, whatever was asked. */
import assert from 'node:assert/strict';
import type { Answer, Problem } from '../client.ts';
import { allRefusals, type Operation, transportRefusals } from './operations.ts';

/** Marks of what belongs in a log and nowhere else: stack traces, file names, SQL, drivers. */
const leaks: readonly RegExp[] = [
  /\bat (?:async )?[\w$.<>]+ \(?(?:file:|node:|\/)/,
  /node_modules/,
  /\.ts:\d+/,
  /\b(?:SELECT|INSERT|UPDATE|DELETE)\b.+\b(?:FROM|INTO|SET|WHERE)\b/,
  /syntax error at or near/,
  /\brelation "|violates \w+ constraint|invalid byte sequence|pg_|ECONNREFUSED/,
  /\[object Object\]/,
];

/** Throws when the answer is a fault, tells too much, or is not as the document says. `sent` explains the failure. */
export function judge(answer: Answer, operation: Operation, sent: string): void {
  const about = `${operation.name} with ${sent}: ${answer.status} ${answer.text.slice(0, 500)}`;
  assert(answer.status < 500, `a fault: ${about}`);
  assert(answer.headers.get('x-request-id'), `no X-Request-Id: ${about}`);
  if (answer.status < 400) {
    const listed = operation.successes.some((status) => status === '2XX' || status === String(answer.status));
    assert(listed || answer.status === 304, `a success that is not in the document: ${about}`);
    return;
  }
  // An answer to HEAD has no body to be judged.
  if (operation.method === 'HEAD') return;
  judgeProblem(answer, about);
  const code = `${answer.status} ${(answer.json as Problem).code}`;
  // An id that no route takes for one (too long, empty, with a colon) never reaches the operation.
  const isNoRoute = (answer.json as Problem).detail === 'There is no such route.';
  assert(
    operation.documented.has(code) || transportRefusals.has(code) || isNoRoute,
    `${code} is not documented: ${about}`,
  );
}

/** Any refusal, of known routes and of unknown ones: RFC 9457, with our members, and nothing from inside. */
export function judgeProblem(answer: Answer, about: string): void {
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json\b/, about);
  const problem = answer.json as Problem;
  assert.equal(problem.status, answer.status, about);
  for (const member of ['type', 'title', 'detail', 'code', 'traceId'] as const) {
    assert.equal(typeof problem[member], 'string', `${member} is text: ${about}`);
    assert.notEqual(problem[member], '', `${member} says something: ${about}`);
  }
  assert(allRefusals.has(`${answer.status} ${problem.code}`), `the code is of the closed list: ${about}`);
  if (answer.status === 429) assert(answer.headers.get('retry-after'), `429 says when to come back: ${about}`);
  for (const leak of leaks) assert.doesNotMatch(answer.text, leak, `tells from inside: ${about}`);
}

/** The refusal of a bad body names the field. */
export function assertNames(answer: Answer, field: string, about: string): void {
  const named = (answer.json as Problem).errors?.map((error) => error.field) ?? [];
  assert(named.includes(field), `names ${field}, not only [${named}]: ${about}: ${answer.text.slice(0, 400)}`);
}
