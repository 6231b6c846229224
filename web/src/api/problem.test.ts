import { describe, expect, test } from 'vitest';
import { asProblem, offline, readProblem } from './problem.ts';

const headers = (values: Record<string, string> = {}) => ({ get: (name: string) => values[name] ?? null });

describe('a refusal of the platform', () => {
  test('keeps its code, its sentence and what is wrong with each field', () => {
    const text = JSON.stringify({
      status: 400,
      code: 'invalid_request',
      title: 'The request is not valid',
      detail: 'Two fields are wrong.',
      traceId: 't-1',
      errors: [{ field: 'items[0].courseId', code: 'required', detail: 'is missing' }, { nonsense: true }],
    });
    const problem = readProblem(400, text, headers());
    expect(problem.code).toBe('invalid_request');
    expect(problem.traceId).toBe('t-1');
    expect(problem.fields()).toEqual({ 'items[0].courseId': 'Fill this in.' });
    expect(problem.passing).toBe(false);
  });

  test.each([
    ['too_short', 'has at least 8 characters', 'It must have at least 8 characters.'],
    ['bad_format', 'is an http or https address', 'It must be an http or https address.'],
    ['not_allowed', 'card or upi', 'Card or upi.'],
  ])('of a field (%s) becomes a sentence', (code, detail, sentence) => {
    const text = JSON.stringify({ errors: [{ field: 'a', code, detail }] });
    expect(readProblem(400, text, headers()).fields()).toEqual({ a: sentence });
  });

  test.each(['<html>Bad Gateway</html>', '', 'null', '[1]', '"text"'])('that is %j still says something', (text) => {
    const problem = readProblem(502, text, headers({ 'x-request-id': 'req_1', 'retry-after': '7' }));
    expect(problem.detail).toContain('502');
    expect(problem.traceId).toBe('req_1');
    expect(problem.retryAfterSeconds).toBe(7);
    expect(problem.passing).toBe(true);
  });

  test('the same call may pass when there was no answer, too much load, or one still running', () => {
    expect(offline().passing).toBe(true);
    expect(readProblem(429, '{}', headers()).passing).toBe(true);
    expect(readProblem(409, '{"code":"idempotency_in_progress"}', headers()).passing).toBe(true);
    expect(readProblem(409, '{"code":"order_not_payable"}', headers()).passing).toBe(false);
  });

  test('an error of the page itself never shows its message', () => {
    expect(asProblem(new TypeError('x is undefined')).detail).not.toContain('undefined');
  });
});
