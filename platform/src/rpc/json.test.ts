import { create, type DescField, type DescMessage, equals, type Message, ScalarType, toJson } from '@bufbuild/protobuf';
import { MoneySchema } from '@suuupra/contracts/gen/suuupra/common/v1/money_pb.ts';
import {
  CreateCourseRequestSchema,
  CreateLessonRequestSchema,
  GetLessonResponseSchema,
  ListCoursesRequestSchema,
  ListCoursesResponseSchema,
  QuizSchema,
  UpdateLessonRequestSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import {
  CreateUserRequestSchema,
  SetUserRolesRequestSchema,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import {
  AttemptSchema,
  GetCourseProgressResponseSchema,
  PutProgressRequestSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import {
  GetTrialBalanceRequestSchema,
  GetTrialBalanceResponseSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { MarkReadRequestSchema } from '@suuupra/contracts/gen/suuupra/notifications/v1/notifications_pb.ts';
import {
  CreateRefundRequestSchema,
  OrderSchema,
  PlaceOrderRequestSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { CreatePaymentRequestSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { SearchRequestSchema, SearchResponseSchema } from '@suuupra/contracts/gen/suuupra/search/v1/search_pb.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { depthMax, isNestedDeeper, jsonReader } from './json-read.ts';
import { rulesOfField, timestampType, wordsOf } from './json-shape.ts';
import { readTime, writeTime } from './json-time.ts';
import { jsonWriter } from './json-write.ts';
import { Refusal } from './rpc.ts';

/** Random messages of a type: whatever a handler could answer; `byRules` keeps to what a client may send. */
function messages(schema: DescMessage, byRules: boolean): fc.Arbitrary<Message> {
  const fields = schema.fields.filter((field) => !byRules || !rulesOfField(field).outputOnly);
  const shape = Object.fromEntries(fields.map((field) => [field.localName, values(field, byRules)]));
  const required = byRules
    ? fields.filter((field) => rulesOfField(field).required).map((field) => field.localName)
    : [];
  return fc.record(shape, { requiredKeys: required }).map((init) => create(schema, init as Record<string, never>));
}

function values(field: DescField, byRules: boolean): fc.Arbitrary<unknown> {
  const single = byRules ? allowedSingles(field) : singles(field, false);
  const { itemsMin } = rulesOfField(field);
  if (field.fieldKind === 'list') return fc.array(single, { minLength: itemsMin, maxLength: Math.max(3, itemsMin) });
  const key = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => text !== '__proto__');
  return field.fieldKind === 'map' ? fc.dictionary(key, single, { maxKeys: 3, noNullPrototype: true }) : single;
}

const examples: Record<string, string> = {
  email: 'asha@example.org',
  currency: 'INR',
  language: 'hi-IN',
  id: 'crs_01',
  slug: 'a-slug-1',
  url: 'https://example.org/a?b=c',
};

/** Values that keep to the rules of their field. */
function allowedSingles(field: DescField): fc.Arbitrary<unknown> {
  const rules = rulesOfField(field);
  const bounded = (min: bigint, max: bigint) => fc.bigInt(rules.numberMin ?? min, rules.numberMax ?? max);
  if (field.enum !== undefined && rules.required) return fc.constant(1);
  if (field.scalar === ScalarType.INT32) return bounded(-(2n ** 31n), 2n ** 31n - 1n).map(Number);
  if (field.scalar !== ScalarType.STRING) return singles(field, true);
  if (rules.format !== '') return fc.constant(examples[rules.format]);
  const unit = fc.constantFrom(
    'a',
    'Z',
    '"',
    '\\',
    '/',
    '<',
    'é',
    'ह',
    '🎓',
    '\u2028',
    ...(rules.multiline ? ['\n', '\t'] : []),
  );
  const minLength = Math.max(rules.charsMin, rules.required ? 1 : 0);
  return fc
    .string({ unit, minLength, maxLength: Math.max(minLength, Math.min(rules.charsMax || 40, 40)) })
    .map((text) => (minLength > 0 ? `x${text.slice(0, -1)}` : text))
    .filter((text) => text.isWellFormed());
}

function singles(field: DescField, byRules: boolean): fc.Arbitrary<unknown> {
  if (field.message?.typeName === timestampType) {
    return fc.record({
      seconds: fc.bigInt(-62_135_596_800n, 253_402_300_799n),
      nanos: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 })),
    });
  }
  if (field.message !== undefined) return messages(field.message, byRules);
  if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map((value) => value.number));
  switch (field.scalar) {
    case ScalarType.STRING:
      return fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => text.isWellFormed());
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT64:
      return fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
    case ScalarType.DOUBLE:
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value));
    default:
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  }
}

describe('the JSON writer', () => {
  test.each([
    ListCoursesResponseSchema,
    GetLessonResponseSchema,
    OrderSchema,
    SearchResponseSchema,
    AttemptSchema,
    GetTrialBalanceResponseSchema,
  ])('$typeName: valid JSON with the values of protobuf JSON, whatever the message holds', (schema) => {
    fc.assert(
      fc.property(messages(schema, false), (message) => {
        const text = jsonWriter(schema)(message as never);
        const json = JSON.parse(text);
        expect(withoutDefaults(json)).toEqual(withoutDefaults(asOurs(schema, toJson(schema, message as never))));
      }),
      { numRuns: 150 },
    );
  });

  test('plain fields are always there, absent ones are left out', () => {
    const attempt = JSON.parse(jsonWriter(AttemptSchema)(create(AttemptSchema, { id: 'att_1' })));
    expect(attempt).toEqual({
      id: 'att_1',
      lessonId: '',
      maxScore: 0,
      passFraction: 0,
      questions: [],
      answers: [],
      results: [],
      number: 0,
    });
  });

  test('an absent optional and one set to its default are told apart', () => {
    const text = jsonWriter(AttemptSchema)(create(AttemptSchema, { passed: false, score: 0 }));
    expect(JSON.parse(text)).toMatchObject({ passed: false, score: 0 });
  });

  test('money and large amounts keep every digit', () => {
    const text = jsonWriter(MoneySchema)(create(MoneySchema, { currency: 'INR', amountMinor: 9_007_199_254_740_993n }));
    expect(text).toBe('{"currency":"INR","amountMinor":"9007199254740993"}');
  });
});

describe('the JSON reader', () => {
  test.each([
    PlaceOrderRequestSchema,
    CreateCourseRequestSchema,
    SearchResponseSchema,
    GetCourseProgressResponseSchema,
    GetTrialBalanceResponseSchema,
  ])('$typeName: reading what was written gives the message again', (schema) => {
    fc.assert(
      fc.property(messages(schema, true), (message) => {
        const read = jsonReader(schema).read(JSON.parse(jsonWriter(schema)(message as never)));
        expect(read instanceof Refusal ? read.errors : []).toEqual([]);
        expect(equals(schema, read as never, message as never)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  const cases: [string, DescMessage, unknown, string, string][] = [
    [
      'a field that is not in the contract',
      PlaceOrderRequestSchema,
      { items: [{ courseId: 'c', price: 1 }] },
      'items[0].price',
      'unknown_field',
    ],
    ['a proto name', PlaceOrderRequestSchema, { items: [{ course_id: 'c' }] }, 'items[0].course_id', 'unknown_field'],
    [
      '__proto__',
      PlaceOrderRequestSchema,
      JSON.parse('{"items":[{"courseId":"c"}],"__proto__":{"x":1}}'),
      '__proto__',
      'unknown_field',
    ],
    [
      'constructor',
      PlaceOrderRequestSchema,
      { items: [{ courseId: 'c' }], constructor: 1 },
      'constructor',
      'unknown_field',
    ],
    [
      'a field only the server fills',
      CreateLessonRequestSchema,
      { title: 't', kind: 'video', content: { video: { fileId: 'f', url: 'x' } } },
      'content.video.url',
      'unknown_field',
    ],
    ['no object', PlaceOrderRequestSchema, [], 'body', 'wrong_type'],
    ['null', PlaceOrderRequestSchema, null, 'body', 'wrong_type'],
    ['null in a field', PlaceOrderRequestSchema, { items: null }, 'items', 'wrong_type'],
    ['a string for an array', PlaceOrderRequestSchema, { items: 'x' }, 'items', 'wrong_type'],
    ['an array for an object', PlaceOrderRequestSchema, { items: [[]] }, 'items[0]', 'wrong_type'],
    ['a number for a string', PlaceOrderRequestSchema, { items: [{ courseId: 7 }] }, 'items[0].courseId', 'wrong_type'],
    [
      'an id that is none',
      PlaceOrderRequestSchema,
      { items: [{ courseId: "' OR 1=1 --" }] },
      'items[0].courseId',
      'bad_format',
    ],
    ['too few items', PlaceOrderRequestSchema, { items: [] }, 'items', 'too_few'],
    ['too many items', PlaceOrderRequestSchema, { items: Array(21).fill({ courseId: 'c' }) }, 'items', 'too_many'],
    ['a required list left out', PlaceOrderRequestSchema, {}, 'items', 'required'],
    [
      'a required string left empty',
      CreateUserRequestSchema,
      { email: '', password: 'longenough', displayName: 'A' },
      'email',
      'required',
    ],
    [
      'a name of blanks',
      CreateUserRequestSchema,
      { email: 'a@b.co', password: 'longenough', displayName: ' \u2003' },
      'displayName',
      'required',
    ],
    [
      'an address that is none',
      CreateUserRequestSchema,
      { email: 'a@b', password: 'longenough', displayName: 'A' },
      'email',
      'bad_format',
    ],
    [
      'a short password',
      CreateUserRequestSchema,
      { email: 'a@b.co', password: 'short', displayName: 'A' },
      'password',
      'too_short',
    ],
    [
      'a name too long in code points',
      CreateUserRequestSchema,
      { email: 'a@b.co', password: 'longenough', displayName: '🎓'.repeat(81) },
      'displayName',
      'too_long',
    ],
    [
      'a NUL',
      CreateUserRequestSchema,
      { email: 'a@b.co', password: 'longenough', displayName: 'A\0B' },
      'displayName',
      'not_allowed',
    ],
    [
      'a line break in one-line text',
      CreateUserRequestSchema,
      { email: 'a@b.co', password: 'longenough', displayName: 'A\nB' },
      'displayName',
      'not_allowed',
    ],
    [
      'a lone surrogate',
      CreateUserRequestSchema,
      { email: 'a@b.co', password: 'longenough', displayName: 'A\ud800' },
      'displayName',
      'bad_format',
    ],
    [
      'an escape sequence in multiline text',
      CreateLessonRequestSchema,
      { title: 't', kind: 'text', content: 'a\u001b[31m' },
      'content.markdown',
      'not_allowed',
    ],
    [
      'an unknown word',
      CreateLessonRequestSchema,
      { title: 't', kind: 'podcast', content: 'x' },
      'kind',
      'not_allowed',
    ],
    [
      'the zero word',
      CreateLessonRequestSchema,
      { title: 't', kind: 'unspecified', content: 'x' },
      'kind',
      'not_allowed',
    ],
    [
      'a prefixed word',
      CreateLessonRequestSchema,
      { title: 't', kind: 'LESSON_KIND_TEXT', content: 'x' },
      'kind',
      'not_allowed',
    ],
    ['an enum number', CreateLessonRequestSchema, { title: 't', kind: 1, content: 'x' }, 'kind', 'wrong_type'],
    ['a required message left out', CreatePaymentRequestSchema, {}, 'method', 'required'],
    ['a required enum left out', CreatePaymentRequestSchema, { method: { token: 'x' } }, 'method.type', 'required'],
    ['a fraction for an integer', PutProgressRequestSchema, { positionSeconds: 1.5 }, 'positionSeconds', 'wrong_type'],
    [
      'a number out of its bounds',
      PutProgressRequestSchema,
      { positionSeconds: -1 },
      'positionSeconds',
      'out_of_range',
    ],
    ['an integer beyond 32 bits', QuizSchema, { questions: [], attemptsMax: 2 ** 40 }, 'questions', 'too_few'],
    ['a string for a boolean', PutProgressRequestSchema, { completed: 'true' }, 'completed', 'wrong_type'],
    [
      'a number that is no number',
      QuizSchema,
      { questions: [{ kind: 'single', stem: 's' }], passFraction: Infinity },
      'passFraction',
      'out_of_range',
    ],
    [
      'a fractional amount',
      CreateRefundRequestSchema,
      { reason: 'r', amount: { currency: 'INR', amountMinor: '1.5' } },
      'amount.amountMinor',
      'wrong_type',
    ],
    [
      'an amount a double cannot hold',
      CreateRefundRequestSchema,
      { reason: 'r', amount: { currency: 'INR', amountMinor: 2 ** 53 } },
      'amount.amountMinor',
      'wrong_type',
    ],
    [
      'an amount beyond 64 bits',
      CreateRefundRequestSchema,
      { reason: 'r', amount: { currency: 'INR', amountMinor: '9223372036854775808' } },
      'amount.amountMinor',
      'out_of_range',
    ],
    [
      'a leading zero',
      CreateRefundRequestSchema,
      { reason: 'r', amount: { currency: 'INR', amountMinor: '007' } },
      'amount.amountMinor',
      'wrong_type',
    ],
    [
      'a currency in small letters',
      CreateRefundRequestSchema,
      { reason: 'r', amount: { currency: 'inr', amountMinor: '1' } },
      'amount.currency',
      'bad_format',
    ],
    [
      'no currency',
      CreateRefundRequestSchema,
      { reason: 'r', amount: { amountMinor: '1' } },
      'amount.currency',
      'required',
    ],
    ['a long item of a list', MarkReadRequestSchema, { ids: ['a', 'x'.repeat(65)] }, 'ids[1]', 'too_long'],
    ['a time that is none', GetTrialBalanceRequestSchema, { at: 'yesterday' }, 'at', 'bad_format'],
    [
      'text with no declared limit',
      ListCoursesRequestSchema,
      { pageToken: 'x'.repeat(4_097) },
      'pageToken',
      'too_long',
    ],
  ];
  test.each(cases)('refuses %s', (_what, schema, json, field, code) => {
    const refusal = jsonReader(schema).read(json);
    expect(refusal).toBeInstanceOf(Refusal);
    expect((refusal as Refusal).code).toBe('invalid_request');
    expect((refusal as Refusal).errors).toContainEqual(expect.objectContaining({ field, code }));
  });

  test('tells every problem at once, up to twenty, and never repeats a value', () => {
    const json = { email: 'secret-address', password: 'hunter2', displayName: 7, extra: 'secret-extra' };
    const refusal = jsonReader(CreateUserRequestSchema).read(json) as Refusal;
    expect(refusal.errors.map((error) => `${error.field} ${error.code}`)).toEqual([
      'email bad_format',
      'password too_short',
      'displayName wrong_type',
      'extra unknown_field',
    ]);
    expect(JSON.stringify(refusal)).not.toMatch(/secret|hunter2/);
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, 1]));
    expect((jsonReader(CreateUserRequestSchema).read(many) as Refusal).errors).toHaveLength(20);
  });

  test('takes a bare string where the contract has a shorthand', () => {
    const lesson = jsonReader(CreateLessonRequestSchema).read({
      title: 't',
      kind: 'text',
      content: '# Hello\n\tthere',
    });
    expect(lesson).toMatchObject({ content: { markdown: '# Hello\n\tthere' } });
  });

  test('keeps an absent optional apart from one set to its default', () => {
    const reader = jsonReader(UpdateLessonRequestSchema, ['id']);
    expect(reader.read({ preview: false })).toHaveProperty('preview', false);
    expect(reader.read({})).not.toHaveProperty('preview');
    expect(reader.read({ title: '' })).toMatchObject({ errors: [{ field: 'title', code: 'too_short' }] });
  });

  test('a field that comes by the path is unknown in the body, and not required there', () => {
    const reader = jsonReader(SetUserRolesRequestSchema, ['id']);
    expect(reader.read({ roles: ['admin'], id: 'x' })).toMatchObject({
      errors: [{ field: 'id', code: 'unknown_field' }],
    });
    expect(reader.read({ roles: [] })).toMatchObject({ roles: [] });
  });

  test('takes integers of 64 bits as text, and as numbers while they are exact', () => {
    const reader = jsonReader(MoneySchema);
    expect(reader.read({ currency: 'INR', amountMinor: '-9223372036854775808' })).toMatchObject({
      amountMinor: -(2n ** 63n),
    });
    expect(reader.read({ currency: 'INR', amountMinor: 49900 })).toMatchObject({ amountMinor: 49900n });
  });
});

describe('a query string', () => {
  const read = (schema: DescMessage, query: string) => jsonReader(schema).readQuery(new URLSearchParams(query));

  test('is read by the same field readers', () => {
    expect(read(ListCoursesRequestSchema, 'pageSize=5&level=beginner')).toMatchObject({ pageSize: 5, level: 1 });
    expect(read(GetTrialBalanceRequestSchema, 'at=2026-01-31T10:00:00%2B05:30')).toMatchObject({
      at: { seconds: 1_769_833_800n },
    });
    expect(read(MarkReadRequestSchema, 'ids=a&ids=b')).toMatchObject({ ids: ['a', 'b'] });
    expect(read(SearchRequestSchema, 'q=%F0%9F%8E%93')).toMatchObject({ q: '🎓' });
  });

  test.each([
    [ListCoursesRequestSchema, 'utm_source=x', 'utm_source', 'unknown_field'],
    [ListCoursesRequestSchema, '__proto__=x', '__proto__', 'unknown_field'],
    [ListCoursesRequestSchema, 'pageSize=ten', 'pageSize', 'wrong_type'],
    [ListCoursesRequestSchema, 'pageSize=', 'pageSize', 'wrong_type'],
    [ListCoursesRequestSchema, 'pageSize=1&pageSize=2', 'pageSize', 'too_many'],
    [ListCoursesRequestSchema, 'pageSize=99999999999', 'pageSize', 'out_of_range'],
    [ListCoursesRequestSchema, 'level=expert', 'level', 'not_allowed'],
    [SearchRequestSchema, 'q=%00', 'q', 'not_allowed'],
    [CreateRefundRequestSchema, 'amount=1', 'amount', 'unknown_field'],
  ])('%o?%s is refused at %s with %s', (schema, query, field, code) => {
    expect((read(schema, query) as Refusal).errors).toContainEqual(expect.objectContaining({ field, code }));
  });
});

describe('times', () => {
  test('every moment of the type comes back to the nanosecond', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-62_135_596_800n, 253_402_300_799n),
        fc.integer({ min: 0, max: 999_999_999 }),
        (seconds, nanos) => {
          expect(readTime(writeTime({ seconds, nanos }))).toMatchObject({ seconds, nanos });
        },
      ),
    );
  });
  test.each([
    '2026-02-30T00:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-13-01T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '10000-01-01T00:00:00Z',
    '2026-01-01T24:30:00Z',
  ])('%s is no time', (text) => {
    expect(readTime(text)).toBeUndefined();
  });
});

test('nesting is counted outside of strings, before anything is parsed', () => {
  expect(isNestedDeeper('['.repeat(depthMax) + ']'.repeat(depthMax), depthMax)).toBe(false);
  expect(isNestedDeeper('['.repeat(depthMax + 1), depthMax)).toBe(true);
  expect(isNestedDeeper(JSON.stringify({ text: '[{"'.repeat(100) }), depthMax)).toBe(false);
  expect(isNestedDeeper(JSON.stringify(Array(100).fill({ a: [] })), depthMax)).toBe(false);
});

/** The JSON of protobuf-es, with enums and times in our words. */
function asOurs(schema: DescMessage, json: unknown): unknown {
  const object = json as Record<string, unknown>;
  const one = (field: DescField, value: unknown): unknown => {
    if (field.message?.typeName === timestampType) return writeTime(readTime(value as string) as never);
    if (field.message !== undefined) return asOurs(field.message, value);
    if (field.enum === undefined) return value;
    const number = field.enum.values.find((each) => each.name === value)?.number ?? 0;
    return wordsOf(field.enum).wordOf.get(number);
  };
  return Object.fromEntries(
    schema.fields.flatMap((field) => {
      const value = object[field.jsonName];
      if (value === undefined) return [];
      if (field.fieldKind === 'list') return [[field.jsonName, (value as unknown[]).map((item) => one(field, item))]];
      if (field.fieldKind !== 'map') return [[field.jsonName, one(field, value)]];
      return [
        [field.jsonName, Object.fromEntries(Object.entries(value as object).map(([k, v]) => [k, one(field, v)]))],
      ];
    }),
  );
}

/** protobuf-es leaves out defaults; what is compared is what remains. An absent optional is covered by its own test. */
function withoutDefaults(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutDefaults);
  if (typeof json !== 'object' || json === null) return json;
  const defaults: unknown[] = [undefined, '', 0, '0', false];
  const kept = Object.entries(json).filter(([, value]) => {
    return !defaults.includes(value) && !(Array.isArray(value) && value.length === 0);
  });
  const objects = kept.map(([key, value]) => [key, withoutDefaults(value)] as const);
  return Object.fromEntries(objects.filter(([, value]) => !(isEmpty(value) && !Array.isArray(value))));
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
