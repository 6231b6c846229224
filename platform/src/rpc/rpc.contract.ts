/**
 * What every transport promises. A transport joins with a function that brings implementations up and gives a
 * Transport to them.
 */
import { create, type DescMethod, type DescService, type Message } from '@bufbuild/protobuf';
import {
  CheckSessionRequestSchema,
  GetUsersRequestSchema,
  IdentityService,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { OrdersService, PlaceOrderRequestSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { Counter, Gauge, Histogram } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import type { LogFields, Telemetry } from '../telemetry/telemetry.ts';
import { realWorld } from '../world.ts';
import { createClient } from './client.ts';
import {
  anonymous,
  type CallContext,
  type Client,
  type Handlers,
  type Implementation,
  implement,
  type Principal,
  Refusal,
  RpcFault,
  refuse,
} from './rpc.ts';
import { messageBytesMax, type OutgoingContext, type Transport, type UnaryMethod } from './transport.ts';

export interface Connected {
  readonly transport: Transport;
  close(): Promise<void>;
}

export type Connect = (implementations: readonly Implementation[], telemetry: Telemetry) => Promise<Connected>;

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Telemetry that keeps what it is told. */
export function recordingTelemetry(): Telemetry & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      lines.push({ level, message, fields });
    };
  return {
    lines,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    span: (name, traceparent) => ({
      traceparent: traceparent === '' ? '' : traceparent.replace(/-[0-9a-f]{16}-/, '-bbbbbbbbbbbbbbbb-'),
      set: () => undefined,
      fail: (error) => write('span')(`${name} failed`, { error }),
      end: () => undefined,
    }),
    counter: (name, help, labels = []) => new Counter({ name, help, labelNames: [...labels], registers: [] }),
    gauge: (name, help, labels = []) => new Gauge({ name, help, labelNames: [...labels], registers: [] }),
    histogram: (name, help, labels) => new Histogram({ name, help, labelNames: [...labels], registers: [] }),
    durations: () => ({ observe: () => undefined }),
  };
}

const asha: Principal = { kind: 'user', userId: 'usr_1', roles: ['learner'], sessionId: 'ses_1' };
const admin: Principal = { kind: 'user', userId: 'usr_2', roles: ['admin'], sessionId: 'ses_2' };
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

function context(changes: Partial<OutgoingContext> = {}): OutgoingContext {
  return {
    caller: 'gateway',
    principal: asha,
    requestId: 'req_from_outside',
    traceparent,
    signal: new AbortController().signal,
    deadlineAtMs: Date.now() + 5_000,
    idempotencyKey: '',
    ifMatch: '',
    clientAddress: '203.0.113.7',
    userAgent: 'Ünusual/1.0',
    ...changes,
  };
}

/** A service of which only what a test names is answered; all else would be a fault. */
function implementing<S extends DescService>(service: S, handlers: Partial<Handlers<S>>): Implementation {
  const all = Object.fromEntries(
    service.methods.map((method) => [
      method.localName,
      async () => {
        throw new Error(`${method.name} is not expected here`);
      },
    ]),
  );
  return implement(service, { ...all, ...handlers } as unknown as Handlers<S>);
}

export function rpcContract(name: string, connect: Connect): void {
  describe(`rpc over ${name}`, () => {
    let connected: Connected | undefined;
    let telemetry = recordingTelemetry();
    afterEach(async () => {
      await connected?.close();
      connected = undefined;
    });

    async function identity(handlers: Partial<Handlers<typeof IdentityService>>): Promise<Transport> {
      telemetry = recordingTelemetry();
      connected = await connect([implementing(IdentityService, handlers)], telemetry);
      return connected.transport;
    }
    function clientOf(transport: Transport, caller = 'gateway'): Client<typeof IdentityService> {
      return createClient(IdentityService, transport, { caller, world: realWorld() });
    }

    test('an answer arrives whole, with its notes', async () => {
      const transport = await identity({
        getUsers: async (request, { answer }) => {
          answer.etag = '"3"';
          answer.idempotentReplayed = true;
          const createdAt = { seconds: 1_700_000_000n, nanos: 123_000_000 };
          return { users: request.ids.map((id) => ({ id, displayName: 'Ünï 🎓', roles: ['learner'], createdAt })) };
        },
      });
      const request = create(GetUsersRequestSchema, { ids: ['a', 'b'] });
      const { answer, notes } = await transport.call(
        IdentityService.method.getUsers,
        request,
        context({ caller: 'orders' }),
      );
      expect(answer).toMatchObject({
        users: [
          { id: 'a', displayName: 'Ünï 🎓', roles: ['learner'], createdAt: { seconds: 1_700_000_000n } },
          { id: 'b' },
        ],
      });
      expect(notes).toEqual({ etag: '"3"', idempotentReplayed: true });
    });

    test('the handler learns who asks, from where, with which request id, trace, key and deadline', async () => {
      let seen: CallContext | undefined;
      connected = await connect(
        [
          implementing(OrdersService, {
            placeOrder: async (_request, ctx) => {
              seen = ctx;
              return {};
            },
          }),
        ],
        recordingTelemetry(),
      );
      const deadlineAtMs = Date.now() + 3_000;
      const sent = context({ deadlineAtMs, idempotencyKey: 'key one', ifMatch: '"7"' });
      await connected.transport.call(OrdersService.method.placeOrder, create(PlaceOrderRequestSchema), sent);
      expect(seen).toMatchObject({
        principal: asha,
        requestId: 'req_from_outside',
        idempotencyKey: 'key one',
        ifMatch: '"7"',
        clientAddress: '203.0.113.7',
        userAgent: 'Ünusual/1.0',
      });
      expect(seen?.traceparent).toBe('00-4bf92f3577b34da6a3ce929d0e0e4736-bbbbbbbbbbbbbbbb-01');
      expect(Math.abs((seen?.deadlineAtMs ?? 0) - deadlineAtMs)).toBeLessThan(200);
    });

    test('nothing is shared by reference, in either direction', async () => {
      const kept = { users: [{ id: 'a', roles: ['learner'] }] };
      let received: { ids: string[] } | undefined;
      const transport = await identity({
        getUsers: async (request) => {
          received = request;
          request.ids.push('added by the service');
          return kept;
        },
      });
      const request = create(GetUsersRequestSchema, { ids: ['a'] });
      const client = clientOf(transport, 'orders');
      const answer = await client.getUsers(request);
      if (answer instanceof Refusal) throw new Error(answer.detail);
      answer.users[0]?.roles.push('added by the caller');
      expect(request.ids).toEqual(['a']);
      expect(received).not.toBe(request);
      expect(kept.users[0]?.roles).toEqual(['learner']);
    });

    test('a refusal arrives as a value with its details', async () => {
      const errors = [{ field: 'items[0].courseId', code: 'bad_format', detail: 'an id — ünicode' }];
      const transport = await identity({
        getUsers: async () => new Refusal('invalid_request', 'Not so — “quoted”.', errors, 7),
      });
      const answer = await clientOf(transport, 'orders').getUsers({});
      expect(answer).toBeInstanceOf(Refusal);
      expect(answer).toEqual(new Refusal('invalid_request', 'Not so — “quoted”.', errors, 7));
    });

    test('a fault says nothing of its cause to the caller, and everything to the log, once', async () => {
      const cause = new Error('password authentication failed for user "ledger"');
      const transport = await identity({
        getUsers: async () => {
          throw cause;
        },
      });
      const fault = await failureOf(clientOf(transport, 'orders').getUsers({}, { context: inCall() }));
      expect(fault.code).toBe('internal');
      expect(`${fault.message} ${String(fault.cause)} ${fault.stack}`).not.toContain('ledger');
      const errors = telemetry.lines.filter((line) => line.level === 'error');
      expect(errors).toHaveLength(1);
      expect(errors[0]?.fields).toMatchObject({ error: cause, requestId: 'req_outer', caller: 'orders' });
    });

    test('a handler that throws before its first await, or answers what is no message, is a fault', async () => {
      const transport = await identity({
        getUsers: (() => {
          throw new Error('at once');
        }) as never,
        checkSession: (async () => undefined) as never,
      });
      expect((await failureOf(clientOf(transport, 'orders').getUsers({}))).code).toBe('internal');
      expect((await failureOf(clientOf(transport).checkSession({}))).code).toBe('internal');
    });

    test('a deadline ends the call for both sides', async () => {
      const aborted = Promise.withResolvers<void>();
      const transport = await identity({
        getUsers: async (_request, { signal }) => {
          signal.addEventListener('abort', () => aborted.resolve());
          await new Promise(() => undefined);
          return {};
        },
      });
      const fault = await failureOf(clientOf(transport, 'orders').getUsers({}, { timeoutMs: 40 }));
      expect(fault.code).toBe('deadline_exceeded');
      await aborted.promise;
    });

    test('a deadline that has passed is not even sent', async () => {
      let calls = 0;
      const transport = await identity({
        getUsers: async () => {
          calls += 1;
          return {};
        },
      });
      const passed = inCall({ deadlineAtMs: Date.now() - 1 });
      const fault = await failureOf(clientOf(transport, 'orders').getUsers({}, { context: passed }));
      expect(fault.code).toBe('deadline_exceeded');
      expect(calls).toBe(0);
    });

    test('the surrounding deadline binds a call that asks for more', async () => {
      let deadlineAtMs = 0;
      const transport = await identity({
        getUsers: async (_request, ctx) => {
          deadlineAtMs = ctx.deadlineAtMs;
          return {};
        },
      });
      const surrounding = inCall({ deadlineAtMs: Date.now() + 1_000 });
      await clientOf(transport, 'orders').getUsers({}, { context: surrounding, timeoutMs: 60_000 });
      expect(deadlineAtMs).toBeLessThan(Date.now() + 1_500);
    });

    test('when the caller leaves, the handler sees it', async () => {
      const started = Promise.withResolvers<void>();
      const aborted = Promise.withResolvers<void>();
      const transport = await identity({
        getUsers: async (_request, { signal }) => {
          signal.addEventListener('abort', () => aborted.resolve());
          started.resolve();
          await aborted.promise;
          return {};
        },
      });
      const caller = new AbortController();
      const call = failureOf(
        clientOf(transport, 'orders').getUsers({}, { context: inCall({ signal: caller.signal }) }),
      );
      await started.promise;
      caller.abort();
      expect((await call).code).toBe('cancelled');
      await aborted.promise;
    });

    test.each([
      ['createUser', 'gateway', anonymous, 'ok'],
      ['getMe', 'gateway', anonymous, 'unauthenticated'],
      ['getMe', 'gateway', asha, 'ok'],
      ['getMe', 'orders', { kind: 'service', name: 'orders' }, 'permission_denied'],
      ['listUsers', 'gateway', anonymous, 'unauthenticated'],
      ['listUsers', 'gateway', asha, 'permission_denied'],
      ['listUsers', 'gateway', admin, 'ok'],
      ['checkSession', 'gateway', { kind: 'service', name: 'gateway' }, 'ok'],
      ['checkSession', 'orders', { kind: 'service', name: 'orders' }, 'permission_denied'],
      ['checkSession', 'orders', { kind: 'service', name: 'gateway' }, 'permission_denied'],
      ['checkSession', '', admin, 'permission_denied'],
      ['getUsers', 'gateway', admin, 'permission_denied'],
    ] as [keyof typeof IdentityService.method, string, Principal, string][])(
      '%s called by %s for %o is %s',
      async (method, caller, principal, expected) => {
        const open = Object.fromEntries(IdentityService.methods.map((each) => [each.localName, async () => ({})]));
        const transport = await identity(open as Partial<Handlers<typeof IdentityService>>);
        const descriptor = IdentityService.method[method] as unknown as UnaryMethod;
        const { answer } = await transport.call(
          descriptor,
          create(descriptor.input),
          context({ caller, principal, idempotencyKey: '' }),
        );
        expect(answer instanceof Refusal ? answer.code : 'ok').toBe(expected);
      },
    );

    test('a method without rules is open to nobody', async () => {
      const method = withoutRules(IdentityService.method.getMe);
      const service = { ...IdentityService, methods: [method], method: { getMe: method } } as unknown as DescService;
      connected = await connect([implement(service, { getMe: async () => ({}) } as never)], recordingTelemetry());
      const { answer } = await connected.transport.call(
        method as UnaryMethod,
        create(method.input),
        context({ principal: admin }),
      );
      expect(answer).toMatchObject({ code: 'permission_denied' });
    });

    test.each([
      ['', 'idempotency_key_required'],
      ['k'.repeat(201), 'idempotency_key_invalid'],
      [' leading', 'idempotency_key_invalid'],
      ['schlüssel', 'idempotency_key_invalid'],
      ['a\nb', 'idempotency_key_invalid'],
      ['k'.repeat(200), 'ok'],
    ])('the Idempotency-Key %j where one is required: %s', async (idempotencyKey, expected) => {
      connected = await connect([implementing(OrdersService, { placeOrder: async () => ({}) })], recordingTelemetry());
      const { answer } = await connected.transport.call(
        OrdersService.method.placeOrder,
        create(PlaceOrderRequestSchema),
        context({ idempotencyKey }),
      );
      expect(answer instanceof Refusal ? answer.code : 'ok').toBe(expected);
    });

    test('a method that is not served is a fault', async () => {
      const transport = await identity({});
      const unserved = transport.call(OrdersService.method.placeOrder, create(PlaceOrderRequestSchema), context());
      expect((await failureOf(unserved)).code).toBe('internal');
    });

    test('a message above 4 MB is refused, one just below is not', async () => {
      const transport = await identity({ checkSession: async (request) => ({ session: { userId: request.token } }) });
      const over = create(CheckSessionRequestSchema, { token: 'x'.repeat(messageBytesMax) });
      const { answer } = await transport.call(IdentityService.method.checkSession, over, context());
      expect(answer).toMatchObject({ code: 'payload_too_large' });
      const below = create(CheckSessionRequestSchema, { token: 'x'.repeat(messageBytesMax - 64) });
      const fine = await transport.call(IdentityService.method.checkSession, below, context());
      expect((fine.answer as Message & { session: { userId: string } }).session.userId).toHaveLength(
        messageBytesMax - 64,
      );
    });

    test('a hundred calls at once each get their own answer', async () => {
      const transport = await identity({
        getUsers: async (request) => {
          await new Promise((resolve) => setImmediate(resolve));
          return { users: [{ id: request.ids[0] ?? '' }] };
        },
      });
      const client = clientOf(transport, 'orders');
      const ids = Array.from({ length: 100 }, (_, index) => `usr_${index}`);
      const answers = await Promise.all(ids.map((id) => client.getUsers({ ids: [id] })));
      expect(answers.map((answer) => (answer instanceof Refusal ? answer.code : answer.users[0]?.id))).toEqual(ids);
    });

    test('a fault of a service behind passes on as what it is, without the cause', async () => {
      const transport = await identity({
        getUsers: async () => {
          throw new RpcFault('unavailable', 'orders at 10.0.0.7 is away');
        },
        checkSession: async () => refuse('busy', 'Later.'),
      });
      const fault = await failureOf(clientOf(transport, 'orders').getUsers({}, { timeoutMs: 400 }));
      expect(fault.code).toBe('unavailable');
      expect(fault.message).not.toContain('10.0.0.7');
    });
  });
}

function inCall(changes: Partial<CallContext> = {}): CallContext {
  const { caller: _caller, ...rest } = context({ requestId: 'req_outer' });
  return { ...rest, answer: {}, ...changes };
}

function withoutRules(method: DescMethod): DescMethod {
  return { ...method, proto: { ...method.proto, options: undefined } } as unknown as DescMethod;
}

async function failureOf(call: Promise<unknown>): Promise<RpcFault> {
  try {
    const answer = await call;
    throw new Error(`expected a fault, got ${JSON.stringify(answer)}`);
  } catch (error) {
    if (error instanceof RpcFault) return error;
    throw error;
  }
}
