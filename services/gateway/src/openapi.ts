/** The API as an OpenAPI 3.1 document, from the descriptors and routes that run: it cannot say anything else. */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { type RefusalCode, refusals } from '@suuupra/contracts/errors';
import { Access } from '@suuupra/contracts/gen/suuupra/options/v1/options_pb.ts';
import { rulesOf } from '@suuupra/platform/rpc/access';
import { declaredRefusals } from '@suuupra/platform/rpc/dispatch';
import {
  charsMaxDefault,
  itemsMaxDefault,
  rulesOfField,
  shorthandOf,
  timestampType,
  wordsOf,
} from '@suuupra/platform/rpc/json-shape';
import { textFormats } from '@suuupra/platform/rpc/text-rules';
import type { MethodRoute, RawHttpRoute, Route } from './route.ts';

export interface OpenApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly 'x-access': string;
  readonly security: readonly Json[];
  readonly parameters: readonly Json[];
  readonly requestBody?: Json;
  readonly responses: Readonly<Record<string, Json>>;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>>; readonly securitySchemes: Json };
}

type Json = Readonly<Record<string, unknown>>;
type Schemas = Record<string, Json>;

export function openApiDocument(routes: readonly Route[], publicUrl: string): OpenApiDocument {
  const schemas: Schemas = { Problem: problemSchema };
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const route of routes) {
    if (route.kind === 'raw' && route.raw.hidden === true) continue;
    const path = pathOf(route);
    paths[path] ??= {};
    paths[path][route.verb.toLowerCase()] =
      route.kind === 'method' ? methodOperation(route, schemas) : rawOperation(route);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Suuupra',
      version: '1',
      description: `The public API. Money is integer minor units as a decimal string; times are RFC 3339 in UTC. ${retryRule}`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: publicUrl }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas, securitySchemes },
  };
}

/** What a client does to notice nothing of a restart or of a part that comes back by itself. */
export const retryRule =
  'Repeating: a request that got no answer, or one of 429, 503 or 504, may be sent again: a GET as it is, a mutation with the ' +
  'same Idempotency-Key and body. Wait as long as Retry-After says, else a quarter of a second, then twice as long each time ' +
  'up to five seconds; give up after 30 seconds. The code idempotency_in_progress means that the first is still at work.';

const securitySchemes = {
  bearer: { type: 'http', scheme: 'bearer', description: 'The accessToken of POST /api/v1/sessions.' },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'suuupra_session',
    description:
      'Set by POST /api/v1/sessions; over https it is called __Host-suuupra. Mutations also need X-CSRF-Token or a same-origin Sec-Fetch-Site.',
  },
};

const problemSchema: Json = {
  type: 'object',
  description: 'RFC 9457 problem details. `code` is closed: decide by it.',
  required: ['type', 'title', 'status', 'detail', 'code', 'traceId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'For people: what is wrong and what would do.' },
    code: { type: 'string', enum: Object.keys(refusals) },
    traceId: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'code', 'detail'],
        properties: {
          field: { type: 'string', description: 'The JSON path, e.g. items[0].courseId.' },
          code: { type: 'string' },
          detail: { type: 'string' },
        },
      },
    },
  },
};

/** With the JSON names of its parameters. */
function pathOf(route: Route): string {
  if (route.kind === 'raw') return route.template.replace('*}', '}');
  const { pathFields } = route.binding;
  return pathFields.reduce((made, field) => made.replace(`{${field.name}}`, `{${field.jsonName}}`), route.template);
}

function accessOf(route: Route): Pick<OpenApiOperation, 'x-access' | 'security'> {
  const signed = [{ bearer: [] }, { cookie: [] }];
  switch (route.access.access) {
    case Access.PUBLIC:
      return { 'x-access': 'public', security: [{}, ...signed] };
    case Access.ROLES:
      return { 'x-access': route.access.roles.join(','), security: signed };
    default:
      return { 'x-access': 'signed_in', security: signed };
  }
}

function methodOperation(route: MethodRoute, schemas: Schemas): OpenApiOperation {
  const { method, binding } = route;
  const rules = rulesOf(method);
  const rest = method.input.fields.filter((field) => !binding.pathFields.includes(field) && isSent(field));
  const hasBody = binding.body && rest.length > 0;
  return {
    operationId: method.localName,
    summary: rules.summary,
    tags: [method.parent.typeName.split('.')[1] ?? ''],
    ...accessOf(route),
    parameters: [
      ...binding.pathFields.map((field) => pathParameter(field)),
      ...(binding.body ? [] : rest.filter(isQueryable).map((field) => queryParameter(field, schemas))),
      ...headerParameters(route),
    ],
    ...(hasBody && {
      requestBody: { required: rest.some(isRequired), content: jsonContent(inputSchema(rest, schemas)) },
    }),
    responses: {
      ...successResponse(route, schemas),
      ...refusalResponses(refusalCodes(route, rules.idempotencyKeyRequired)),
    },
  };
}

function pathParameter(field: DescField): Json {
  return { name: field.jsonName, in: 'path', required: true, schema: fieldSchema(field, true, {}) };
}

function queryParameter(field: DescField, schemas: Schemas): Json {
  return { name: field.jsonName, in: 'query', required: isRequired(field), schema: fieldSchema(field, true, schemas) };
}

function headerParameters(route: MethodRoute): Json[] {
  const key = {
    name: 'Idempotency-Key',
    in: 'header',
    required: true,
    description: 'The same key and body give the first answer again, with Idempotent-Replayed: true.',
    schema: { type: 'string', minLength: 1, maxLength: 200, pattern: '^[ -~]+$' },
  };
  const match = { name: 'If-Match', in: 'header', required: false, schema: { type: 'string' } };
  const rules = rulesOf(route.method);
  return [...(rules.idempotencyKeyRequired ? [key] : []), ...(rules.refusals.includes('stale_etag') ? [match] : [])];
}

function successResponse(route: MethodRoute, schemas: Schemas): Record<string, Json> {
  if (route.successStatus === 204) return { 204: { description: 'Done.' } };
  const schema = reference(route.method.output, false, schemas);
  return { [route.successStatus]: { description: 'Done.', content: jsonContent(schema) } };
}

function refusalCodes(route: MethodRoute, keyed: boolean): RefusalCode[] {
  const mutation = route.verb !== 'GET';
  const open = route.access.access === Access.PUBLIC;
  return [
    ...declaredRefusals(route.method),
    ...cardDataRefusal(route),
    ...everywhere,
    'not_acceptable',
    'invalid_request',
    'unauthenticated',
    ...(open ? [] : (['permission_denied'] as const)),
    ...(mutation
      ? (['csrf_refused', 'invalid_json', 'payload_too_large', 'unsupported_media_type', 'request_timeout'] as const)
      : []),
    ...(keyed ? (['idempotency_key_required'] as const) : []),
  ];
}

const everywhere: readonly RefusalCode[] = [
  'too_many_requests',
  'internal',
  'unavailable',
  'busy',
  'deadline_exceeded',
];

function cardDataRefusal(route: Route): RefusalCode[] {
  return route.refusesCardData ? ['card_data_refused'] : [];
}

/** One response for each status, naming the codes that come with it. */
function refusalResponses(codes: readonly RefusalCode[]): Record<string, Json> {
  const byStatus = Map.groupBy(new Set(codes), (code) => refusals[code].http);
  return Object.fromEntries(
    [...byStatus].map(([status, those]) => [
      status,
      {
        description: those.map((code) => `${code}: ${refusals[code].title}.`).join(' '),
        content: {
          'application/problem+json': {
            schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: those } } }] },
          },
        },
      },
    ]),
  );
}

function rawOperation(route: RawHttpRoute): OpenApiOperation {
  const { raw } = route;
  const names = [...raw.path.matchAll(/\{([a-z_]+)\*?\}/gi)].map((found) => found[1] ?? '');
  const protectedBy: RefusalCode[] =
    raw.access === 'public'
      ? []
      : raw.access === 'signed_in'
        ? ['unauthenticated']
        : ['unauthenticated', 'permission_denied'];
  const limits: RefusalCode[] = [
    ...(route.unlimited ? [] : everywhere),
    ...cardDataRefusal(route),
    ...(raw.refusals ?? []),
  ];
  return {
    operationId: `${raw.method.toLowerCase()}${raw.path.replaceAll(/[^A-Za-z0-9]+(.?)/g, (_all, next: string) => next.toUpperCase())}`,
    summary: raw.summary,
    tags: [raw.path.split('/')[3] ?? 'operation'],
    ...accessOf(route),
    parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...(raw.bodyBytesMax > 0 && {
      requestBody: { required: true, content: { '*/*': {} }, description: `At most ${raw.bodyBytesMax} bytes.` },
    }),
    responses: {
      '2XX': { description: 'Done.' },
      ...(raw.bodyBytesMax > 0
        ? refusalResponses([...protectedBy, ...limits, 'payload_too_large'])
        : refusalResponses([...protectedBy, ...limits])),
    },
  };
}

function jsonContent(schema: Json): Json {
  return { 'application/json': { schema } };
}

function isSent(field: DescField): boolean {
  return !rulesOfField(field).outputOnly;
}

function isRequired(field: DescField): boolean {
  return rulesOfField(field).required;
}

function isQueryable(field: DescField): boolean {
  return field.fieldKind !== 'map' && (field.message === undefined || field.message.typeName === timestampType);
}

function inputSchema(fields: readonly DescField[], schemas: Schemas): Json {
  const required = fields.filter(isRequired).map((field) => field.jsonName);
  return {
    type: 'object',
    additionalProperties: false,
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(fields.map((field) => [field.jsonName, fieldSchema(field, true, schemas)])),
  };
}

function outputSchema(fields: readonly DescField[], schemas: Schemas): Json {
  const always = fields.filter(
    (field) =>
      field.fieldKind === 'list' ||
      field.fieldKind === 'map' ||
      (field.fieldKind === 'scalar' && !field.proto.proto3Optional),
  );
  return {
    type: 'object',
    ...(always.length > 0 && { required: always.map((field) => field.jsonName) }),
    properties: Object.fromEntries(fields.map((field) => [field.jsonName, fieldSchema(field, false, schemas)])),
  };
}

/** A message is described once as it is sent (`<Name>Input`) and once as it is answered. */
function reference(message: DescMessage, sent: boolean, schemas: Schemas): Json {
  const name = sent ? `${message.name}Input` : message.name;
  if (schemas[name] === undefined) {
    schemas[name] = {};
    const fields = sent ? message.fields.filter(isSent) : message.fields;
    const object = sent ? inputSchema(fields, schemas) : outputSchema(fields, schemas);
    const shorthand = sent ? shorthandOf(message) : undefined;
    schemas[name] = shorthand === undefined ? object : { oneOf: [object, fieldSchema(shorthand, true, schemas)] };
  }
  return { $ref: `#/components/schemas/${name}` };
}

function fieldSchema(field: DescField, sent: boolean, schemas: Schemas): Json {
  const rules = rulesOfField(field);
  const single = singleSchema(field, sent, schemas);
  if (field.fieldKind === 'map') return { type: 'object', additionalProperties: single };
  if (field.fieldKind !== 'list') return single;
  if (!sent) return { type: 'array', items: single };
  return {
    type: 'array',
    items: single,
    maxItems: rules.itemsMax || itemsMaxDefault,
    ...(rules.itemsMin > 0 && { minItems: rules.itemsMin }),
  };
}

function singleSchema(field: DescField, sent: boolean, schemas: Schemas): Json {
  if (field.message !== undefined) {
    return field.message.typeName === timestampType
      ? { type: 'string', format: 'date-time' }
      : reference(field.message, sent, schemas);
  }
  if (field.enum !== undefined) return { type: 'string', enum: [...wordsOf(field.enum).numberOf.keys()] };
  switch (field.scalar) {
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.STRING:
      return sent ? textSchema(field) : { type: 'string' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number', ...(sent && boundsOf(field)) };
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
      return {
        type: 'string',
        pattern: '^-?(0|[1-9][0-9]{0,18})$',
        description: 'A 64-bit integer as a decimal string.',
      };
    default:
      return { type: 'integer', format: 'int32', ...(sent && boundsOf(field)) };
  }
}

function textSchema(field: DescField): Json {
  const rules = rulesOfField(field);
  const minLength = Math.max(rules.charsMin, rules.required ? 1 : 0);
  const format = textFormats[rules.format];
  return {
    type: 'string',
    ...(minLength > 0 && { minLength }),
    maxLength: rules.charsMax || charsMaxDefault,
    ...(format !== undefined && { pattern: format.pattern.source, description: `This ${format.detail}.` }),
    ...(rules.secret && { format: 'password', writeOnly: true }),
  };
}

function boundsOf(field: DescField): Json {
  const { numberMin, numberMax } = rulesOfField(field);
  return {
    ...(numberMin !== undefined && { minimum: Number(numberMin) }),
    ...(numberMax !== undefined && { maximum: Number(numberMax) }),
  };
}
