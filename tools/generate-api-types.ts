/**
 * Writes web/src/api/types.ts: the JSON of the public API as TypeScript types, from the same descriptors that the
 * gateway reads and writes by. `node tools/generate-api-types.ts`; with `--check` it only says whether the file is
 * fresh.
 */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  ScalarType,
} from '@bufbuild/protobuf';
import { type HttpBinding, httpBindingOf } from '../platform/src/http/annotation.ts';
import { rulesOfField, shorthandOf, timestampType, wordsOf } from '../platform/src/rpc/json-shape.ts';

const root = path.dirname(import.meta.dirname);
const target = path.join(root, 'web', 'src', 'api', 'types.ts');

interface Operation {
  readonly method: DescMethod;
  readonly binding: HttpBinding;
}

/** A message is written in one shape for what is sent and another for what is answered. */
interface Wanted {
  readonly answers: Set<DescMessage>;
  readonly requests: Set<DescMessage>;
  readonly enums: Set<DescEnum>;
}

async function operations(): Promise<Operation[]> {
  const files = globSync('contracts/gen/suuupra/*/v1/*_pb.ts', { cwd: root }).sort();
  const modules = await Promise.all(files.map((file) => import(path.join(root, file)) as Promise<object>));
  const services = modules.flatMap((module) => Object.values(module).filter(isService));
  return services.flatMap((service) =>
    service.methods.flatMap((method) => {
      const binding = httpBindingOf(method);
      return binding === undefined ? [] : [{ method, binding }];
    }),
  );
}

function isService(value: unknown): value is DescService {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'service';
}

function collect(found: readonly Operation[]): Wanted {
  const wanted: Wanted = { answers: new Set(), requests: new Set(), enums: new Set() };
  for (const { method, binding } of found) {
    reach(method.output, wanted.answers, wanted.enums, () => true);
    for (const field of sentFields(method.input, binding)) {
      if (field.enum !== undefined) wanted.enums.add(field.enum);
      if (field.message !== undefined) reach(field.message, wanted.requests, wanted.enums, isSent);
    }
  }
  return wanted;
}

function reach(
  message: DescMessage,
  into: Set<DescMessage>,
  enums: Set<DescEnum>,
  counts: (field: DescField) => boolean,
): void {
  if (message.typeName === timestampType || into.has(message)) return;
  into.add(message);
  for (const field of message.fields.filter(counts)) {
    if (field.enum !== undefined) enums.add(field.enum);
    if (field.message !== undefined) reach(field.message, into, enums, counts);
  }
}

function isSent(field: DescField): boolean {
  return !rulesOfField(field).outputOnly;
}

function sentFields(message: DescMessage, binding: HttpBinding): DescField[] {
  return message.fields.filter((field) => isSent(field) && !binding.pathFields.includes(field));
}

/** `Course` as answered; `CourseInput` as sent. */
function inputName(message: DescMessage): string {
  return `${message.name}Input`;
}

function typeOf(field: DescField, sent: boolean): string {
  const single = singleType(field, sent);
  if (field.fieldKind === 'list') return `${single}[]`;
  return field.fieldKind === 'map' ? `Record<string, ${single}>` : single;
}

function singleType(field: DescField, sent: boolean): string {
  if (field.message !== undefined) {
    if (field.message.typeName === timestampType) return 'string';
    return sent ? inputName(field.message) : field.message.name;
  }
  if (field.enum !== undefined) return field.enum.name;
  switch (field.scalar) {
    case ScalarType.BOOL:
      return 'boolean';
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.UINT32:
      return 'number';
    default:
      return 'string';
  }
}

/** Plain fields and lists are always answered; messages, enums and optionals may be absent. */
function mayBeAbsent(field: DescField): boolean {
  return (
    field.fieldKind === 'message' ||
    field.fieldKind === 'enum' ||
    (field.fieldKind === 'scalar' && field.proto.proto3Optional)
  );
}

function members(fields: readonly DescField[], sent: boolean, absent: (field: DescField) => boolean): string {
  const lines = fields.map((field) => `  ${field.jsonName}${absent(field) ? '?' : ''}: ${typeOf(field, sent)};`);
  return `{\n${lines.join('\n')}\n}`;
}

function answerType(message: DescMessage): string {
  // What an answer is for is there in every answer: { "course": … }.
  const absent = (field: DescField) => mayBeAbsent(field) && !message.name.endsWith('Response');
  return `export interface ${message.name} ${members(message.fields, false, absent)}`;
}

function requestType(message: DescMessage): string {
  const sent = members(message.fields.filter(isSent), true, (field) => !rulesOfField(field).required);
  const shorthand = shorthandOf(message) === undefined ? '' : ' | string';
  return `export type ${inputName(message)} = ${sent}${shorthand};`;
}

function operationType({ method, binding }: Operation): string {
  const optional = (field: DescField) => !rulesOfField(field).required;
  const sent = sentFields(method.input, binding);
  const params = binding.pathFields.map((field) => `${field.jsonName}: string`).join('; ');
  const group = sent.length === 0 ? 'NoFields' : members(sent, true, optional);
  return [
    `  ${method.localName}: {`,
    `    params: ${params === '' ? 'NoFields' : `{ ${params} }`};`,
    `    query: ${binding.body ? 'NoFields' : group};`,
    `    body: ${binding.body ? group : 'undefined'};`,
    `    answer: ${method.output.fields.length === 0 ? 'undefined' : method.output.name};`,
    '  };',
  ].join('\n');
}

function text(found: readonly Operation[]): string {
  const wanted = collect(found);
  const enums = [...wanted.enums].map((each) => {
    const words = [...wordsOf(each).numberOf.keys()].map((word) => `'${word}'`);
    return `export type ${each.name} = ${words.join(' | ')};`;
  });
  const names = [...[...wanted.answers].filter((each) => each.fields.length > 0), ...wanted.enums].map(
    (each) => each.name,
  );
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length > 0) throw new Error(`These names stand for two types of the API: ${twice.join(', ')}.`);
  const routes = found.map(
    ({ method, binding }) => `  ${method.localName}: { method: '${binding.verb}', path: '${jsonPath(binding)}' },`,
  );
  return [
    '/**',
    ' * The JSON of the public API. Made by tools/generate-api-types.ts from the contracts; do not edit.',
    ' * 64-bit integers are decimal strings, times are RFC 3339 text in UTC. `<Name>Input` is what may be sent.',
    ' */',
    'export type NoFields = Record<never, never>;',
    ...enums,
    ...[...wanted.answers].filter((each) => each.fields.length > 0).map(answerType),
    ...[...wanted.requests].map(requestType),
    `export interface Operations {\n${found.map(operationType).join('\n')}\n}`,
    `export const operations = {\n${routes.join('\n')}\n} as const satisfies Record<keyof Operations, { method: string; path: string }>;`,
  ].join('\n\n');
}

/** With the JSON names of its parameters. */
function jsonPath(binding: HttpBinding): string {
  return binding.pathFields.reduce(
    (made, field) => made.replace(`{${field.name}}`, `{${field.jsonName}}`),
    binding.path,
  );
}

function formatted(source: string): string {
  const biome = path.join(root, 'node_modules', '.bin', 'biome');
  return execFileSync(biome, ['format', '--stdin-file-path', target], { cwd: root, input: source, encoding: 'utf8' });
}

const found = await operations();
if (found.length < 30) throw new Error(`Only ${found.length} operations were seen; something is not read.`);
const made = formatted(text(found));
if (!process.argv.includes('--check')) writeFileSync(target, made);
else if (readFileSync(target, 'utf8') !== made) {
  console.error('web/src/api/types.ts is not what the contracts give; run "node tools/generate-api-types.ts".');
  process.exitCode = 1;
}
