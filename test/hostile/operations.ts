/** The API document as the tests need it: each operation with its parameters, its body and the refusals it documents. */
import assert from 'node:assert/strict';
import { refusals } from '@suuupra/contracts/errors';
import { type Client, success } from '../client.ts';

export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly $ref?: string;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
}

export interface Operation {
  /** `POST /api/v1/orders` */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** `public`, `signed_in`, or the roles. */
  readonly access: 'public' | 'signed_in' | readonly string[];
  readonly parameters: readonly Parameter[];
  readonly body: Schema | undefined;
  readonly keyed: boolean;
  /** Not JSON in and out: uploads, streams, webhooks, health. */
  readonly raw: boolean;
  /** `<status> <code>` of every refusal that the document lists for it. */
  readonly documented: ReadonlySet<string>;
  /** Statuses of success. */
  readonly successes: readonly string[];
}

export interface ApiDocument {
  readonly operations: readonly Operation[];
  resolve(schema: Schema): Schema;
}

interface RawDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface RawOperation {
  readonly 'x-access': string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema: RefusalSchema }>> }>
  >;
}

interface RefusalSchema {
  readonly allOf?: readonly { readonly properties?: { readonly code?: { readonly enum?: readonly string[] } } }[];
}

export async function readApiDocument(client: Client): Promise<ApiDocument> {
  const document = success(await client.call<RawDocument>('GET', '/openapi.json'), 200, 'OpenAPI document');
  assert.match(document.openapi, /^3\.1/);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationOf(method.toUpperCase(), path, operation)),
  );
  return {
    operations,
    resolve: (schema) => {
      if (schema.$ref === undefined) return schema;
      const found = document.components.schemas[schema.$ref.replace('#/components/schemas/', '')];
      assert(found, `${schema.$ref} is in the document`);
      return found;
    },
  };
}

function operationOf(method: string, path: string, operation: RawOperation): Operation {
  const access = operation['x-access'];
  const documented = Object.entries(operation.responses).flatMap(([status, { content }]) =>
    (content?.['application/problem+json']?.schema.allOf ?? []).flatMap((part) =>
      (part.properties?.code?.enum ?? []).map((code) => `${status} ${code}`),
    ),
  );
  return {
    name: `${method} ${path}`,
    method,
    path,
    access: access === 'public' || access === 'signed_in' ? access : access.split(','),
    parameters: operation.parameters,
    body: operation.requestBody?.content['application/json']?.schema,
    keyed: operation.parameters.some(({ name }) => name.toLowerCase() === 'idempotency-key'),
    raw: operation.responses['2XX'] !== undefined,
    documented: new Set(documented),
    successes: Object.keys(operation.responses).filter((status) => status.startsWith('2')),
  };
}

/** Refusals of the transport, which come before an operation is known or its body is read: any request may meet them. */
export const transportRefusals: ReadonlySet<string> = new Set(
  (
    [
      'invalid_request',
      'unauthenticated',
      'method_not_allowed',
      'payload_too_large',
      'uri_too_long',
      'unsupported_media_type',
      'not_acceptable',
      'too_many_requests',
    ] as const
  ).map((code) => `${refusals[code].http} ${code}`),
);

/** Every refusal there is: raw routes document their own only in words. */
export const allRefusals: ReadonlySet<string> = new Set(
  Object.entries(refusals).map(([code, { http }]) => `${http} ${code}`),
);
