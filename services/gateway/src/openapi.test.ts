import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { httpBindingOf } from '@suuupra/platform/http/annotation';
import type { RawRoute } from '@suuupra/platform/http/route';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGatewayForTest, type TestGateway } from './gateway-for-test.ts';
import type { OpenApiDocument, OpenApiOperation } from './openapi.ts';

const rawRoutes: RawRoute[] = [
  {
    method: 'GET',
    path: '/api/v1/files/{id}',
    summary: 'A file',
    access: 'public',
    bodyBytesMax: 0,
    handle: async (_q, response) => void response.end(),
  },
  {
    method: 'GET',
    path: '/hidden',
    summary: 'A page',
    access: 'public',
    bodyBytesMax: 0,
    hidden: true,
    handle: async (_q, response) => void response.end(),
  },
];

let running: TestGateway;
let document: OpenApiDocument;
beforeAll(async () => {
  running = await startGatewayForTest({ rawRoutes });
  document = (await (await fetch(`${running.url}/api/v1/openapi.json`)).json()) as OpenApiDocument;
});
afterAll(() => running.close());

function listed(): string[] {
  return Object.entries(document.paths)
    .flatMap(([path, verbs]) => Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${path}`))
    .sort();
}

function operation(path: string, verb: string): OpenApiOperation {
  const found = document.paths[path]?.[verb];
  if (found === undefined) throw new Error(`${verb} ${path} is not in the document`);
  return found;
}

describe('the API document', () => {
  test('lists exactly the routes that run', () => {
    const methods = [IdentityService, ContentService, OrdersService].flatMap((service) => service.methods);
    const declared = methods.flatMap((method) => {
      const binding = httpBindingOf(method);
      if (binding === undefined) return [];
      const path = binding.pathFields.reduce(
        (made, field) => made.replace(`{${field.name}}`, `{${field.jsonName}}`),
        binding.path,
      );
      return [`${binding.verb} ${path}`];
    });
    const own = ['GET /api/v1/files/{id}', 'GET /api/v1/openapi.json', 'GET /healthz', 'GET /metrics', 'GET /readyz'];
    expect(listed()).toEqual([...declared, ...own].sort());
  });

  test('names no route that is not there: each answers something else than an unknown route does', async () => {
    for (const entry of listed()) {
      const [verb = '', path = ''] = entry.split(' ');
      const response = await fetch(running.url + path.replaceAll(/\{[^}]+\}/g, 'x'), { method: verb });
      const text = await response.text();
      expect([404, 405].includes(response.status) && /no such route|answers/.test(text), entry).toBe(false);
    }
  });

  test('is OpenAPI 3.1 whose references all lead somewhere and whose operations have names of their own', () => {
    expect(document.openapi).toMatch(/^3\.1/);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      (found) => found[1] ?? '',
    );
    expect(references.length).toBeGreaterThan(50);
    for (const name of references) expect(document.components.schemas, name).toHaveProperty(name);
    const ids = Object.values(document.paths).flatMap((verbs) => Object.values(verbs).map((each) => each.operationId));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('says what may be sent, with its limits', () => {
    const { requestBody, parameters } = operation('/api/v1/orders', 'post');
    expect(requestBody).toEqual({
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            additionalProperties: false,
            required: ['items'],
            properties: {
              items: {
                type: 'array',
                items: { $ref: '#/components/schemas/OrderItemInput' },
                minItems: 1,
                maxItems: 20,
              },
              couponCode: { type: 'string', maxLength: 40 },
              billing: { $ref: '#/components/schemas/BillingDetailsInput' },
            },
          },
        },
      },
    });
    expect(parameters).toContainEqual(
      expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: true }),
    );
    expect(document.components.schemas.VideoInput).not.toHaveProperty('properties.url');
    expect(document.components.schemas.Video).toHaveProperty('properties.url');
    expect(operation('/api/v1/courses', 'get').parameters.map((each) => each.name)).toEqual([
      'pageSize',
      'pageToken',
      'level',
      'language',
    ]);
  });

  test('says who may call, and every refusal by its status', () => {
    const refund = operation('/api/v1/orders/{orderId}/refunds', 'post');
    expect(refund['x-access']).toBe('signed_in');
    expect(refund.security).toEqual([{ bearer: [] }, { cookie: [] }]);
    expect(operation('/api/v1/users', 'get')['x-access']).toBe('admin');
    expect(operation('/api/v1/courses', 'get').security).toContainEqual({});
    expect(Object.keys(refund.responses)).toEqual(
      expect.arrayContaining([
        '201',
        '400',
        '401',
        '403',
        '404',
        '409',
        '413',
        '415',
        '422',
        '429',
        '500',
        '503',
        '504',
      ]),
    );
    expect(JSON.stringify(refund.responses['409'])).toContain('refund_exceeds_captured');
    expect(JSON.stringify(refund.responses['422'])).toContain('idempotency_key_reused');
    expect(Object.keys(operation('/api/v1/sessions/current', 'delete').responses)).toContain('204');
  });

  test('has a page that needs no script and nothing from elsewhere', async () => {
    const response = await fetch(`${running.url}/docs/api`);
    const html = await response.text();
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(html).not.toMatch(/<script|<link|<img|https?:\/\/(?!127)/);
    expect(html).toContain('/api/v1/orders/{orderId}/refunds');
    expect(html).toContain('id="problem-refund_exceeds_captured"');
    const etag = response.headers.get('etag') ?? '';
    expect((await fetch(`${running.url}/docs/api`, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });
});
