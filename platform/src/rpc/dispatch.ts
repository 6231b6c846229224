/**
 * The serving side of every call, whatever the transport brought it: access, idempotency key, deadline, cancellation,
 * the handler, the account of it. Requests and answers are bytes here, so that a call inside one process shares no
 * object with its caller and is held to the same encoding and size as one over the wire.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  isMessage,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import { isRefusalCode, type RefusalCode, refusals } from '@suuupra/contracts/errors';
import { inScope } from '../telemetry/call-scope.ts';
import { span as spanNames } from '../telemetry/semantic-names.ts';
import type { Span, Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import { refuseByAccess, refuseByIdempotencyKey, rulesOf } from './access.ts';
import { isOutage } from './outage.ts';
import {
  type AnswerNotes,
  type CallContext,
  type Implementation,
  isRefusal,
  type Refusal,
  RpcFault,
  refuse,
} from './rpc.ts';
import { messageBytesMax, type OutgoingContext, type UnaryMethod } from './transport.ts';

export interface Outcome {
  /** The encoded answer, or the refusal. */
  readonly answer: Uint8Array | Refusal;
  readonly notes: AnswerNotes;
}

/** The methods that a process or a service answers. */
export interface Served {
  readonly methods: readonly UnaryMethod[];
  /** Throws RpcFault, which says nothing of the cause; the cause is logged here. */
  call(method: UnaryMethod, request: Uint8Array, context: OutgoingContext): Promise<Outcome>;
}

export interface DispatchSurroundings {
  readonly world: Pick<World, 'now'>;
  readonly telemetry?: Telemetry;
}

type Handler = (request: Message, context: CallContext) => Promise<unknown>;

/** Builds the table of callable methods. Throws at start-up when a method of a service has no handler. */
export function serve(implementations: readonly Implementation[], surroundings: DispatchSurroundings): Served {
  const table = new Map<string, { readonly method: UnaryMethod; readonly handler: Handler }>();
  for (const implementation of implementations) {
    for (const method of implementation.service.methods) {
      const handler = implementation.handlers[method.localName];
      if (handler === undefined) throw new Error(`${nameOf(method)} has no handler.`);
      if (method.methodKind !== 'unary') throw new Error(`${nameOf(method)} is not unary.`);
      table.set(keyOf(method), { method: method as UnaryMethod, handler: handler as unknown as Handler });
    }
  }
  const account = accountOf(surroundings);
  return {
    methods: [...table.values()].map((entry) => entry.method),
    call: async (method, request, context) => {
      const entry = table.get(keyOf(method));
      if (entry === undefined) throw new RpcFault('internal', `${nameOf(method)} is not served here.`);
      return await callCounted({ ...entry, context, surroundings, account }, request);
    },
  };
}

/** `orders.v1.OrdersService/PlaceOrder` for people: in logs, metrics and spans. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName.replace(/^suuupra\./, '')}/${method.name}`;
}

function keyOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

interface Call {
  readonly method: UnaryMethod;
  readonly handler: Handler;
  readonly context: OutgoingContext;
  readonly surroundings: DispatchSurroundings;
  readonly account: Account;
}

async function callCounted(call: Call, request: Uint8Array): Promise<Outcome> {
  const startedAt = performance.now();
  const { requestId, caller } = call.context;
  const span = call.surroundings.telemetry?.span(
    nameOf(call.method),
    call.context.traceparent,
    {
      [spanNames.rpcSystem]: 'grpc',
      [spanNames.rpcMethod]: keyOf(call.method),
      [spanNames.caller]: caller,
      [spanNames.requestId]: requestId,
    },
    { kind: 'server' },
  );
  const traceparent = span?.traceparent ?? call.context.traceparent;
  let result = 'ok';
  try {
    const outcome = await inScope({ requestId, traceparent }, () => callHandler(call, request, span));
    if (isRefusal(outcome.answer)) result = outcome.answer.code;
    span?.set(spanNames.rpcStatus, result);
    return outcome;
  } catch (error) {
    const fault = error instanceof RpcFault ? error : new RpcFault('internal', `${nameOf(call.method)} failed.`);
    result = fault.code;
    span?.set(spanNames.rpcStatus, result);
    span?.fail(fault);
    throw fault;
  } finally {
    span?.end();
    call.account.count(call.method, result, (performance.now() - startedAt) / 1_000, traceparent);
  }
}

async function callHandler(call: Call, request: Uint8Array, span: Span | undefined): Promise<Outcome> {
  const { method, context } = call;
  const notes: AnswerNotes = {};
  const rules = rulesOf(method);
  const refusal =
    refuseByAccess(rules, context.principal, context.caller) ?? refuseByIdempotencyKey(rules, context.idempotencyKey);
  if (refusal !== undefined) return { answer: refusal, notes };
  if (request.byteLength > messageBytesMax) return { answer: tooLarge(), notes };
  const message = decode(method.input, request);
  if (message === undefined) return { answer: refuse('invalid_request', 'The request cannot be decoded.'), notes };

  const life = lifeOf(context, call.surroundings.world);
  try {
    const answer = await untilAborted(startHandler(call, message, notes, life.signal, span), life.signal);
    return { answer: isRefusal(answer) ? call.account.declared(method, answer) : encodeAnswer(method, answer), notes };
  } catch (error) {
    throw faultOf(call, error, life.signal);
  } finally {
    life.end();
  }
}

/** The handler's work. If the caller leaves first, a later fault of it is still put on record. */
function startHandler(
  call: Call,
  request: Message,
  notes: AnswerNotes,
  signal: AbortSignal,
  span: Span | undefined,
): Promise<unknown> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const { caller: _caller, ...context } = call.context;
  const traceparent = span?.traceparent ?? context.traceparent;
  return callSafely(() => call.handler(request, { ...context, traceparent, signal, answer: notes })).catch((error) => {
    if (signal.aborted && error !== signal.reason && !isAbort(error)) {
      logFault(call, 'warn', 'a call failed after its caller had left', error);
    }
    throw error;
  });
}

/** A handler that throws before its first await is a fault like any other. */
async function callSafely(work: () => Promise<unknown>): Promise<unknown> {
  return await work();
}

/** The time a call has: until its deadline, or until its caller leaves. */
function lifeOf(context: OutgoingContext, world: Pick<World, 'now'>): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const leave = () => {
    const { reason } = context.signal;
    controller.abort(reason instanceof RpcFault ? reason : new RpcFault('cancelled', 'The caller has left.'));
  };
  const late = () => controller.abort(new RpcFault('deadline_exceeded', 'The deadline has passed.'));
  const leftMs = context.deadlineAtMs - world.now();
  if (context.signal.aborted) leave();
  else if (leftMs <= 0) late();
  const timer = setTimeout(late, Math.max(1, Math.min(leftMs, timerMsMax)));
  timer.unref();
  context.signal.addEventListener('abort', leave, { once: true });
  return {
    signal: controller.signal,
    end: () => {
      clearTimeout(timer);
      context.signal.removeEventListener('abort', leave);
    },
  };
}

/** setTimeout fires at once above this. */
const timerMsMax = 2_147_483_647;

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function decode(schema: DescMessage, bytes: Uint8Array): Message | undefined {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return undefined;
  }
}

function encodeAnswer(method: UnaryMethod, answer: unknown): Uint8Array {
  if (typeof answer !== 'object' || answer === null) throw new TypeError(`${nameOf(method)} answered no message.`);
  const bytes = toBinary(
    method.output,
    isMessage(answer, method.output) ? answer : create(method.output, answer as Record<string, never>),
  );
  if (bytes.byteLength > messageBytesMax) throw new RangeError(`The answer has ${bytes.byteLength} bytes.`);
  return bytes;
}

/** What the caller learns of what was thrown; the rest stays in the log of this process. */
function faultOf(call: Call, error: unknown, signal: AbortSignal): RpcFault {
  if (signal.aborted && (error === signal.reason || isAbort(error))) {
    return signal.reason instanceof RpcFault ? signal.reason : new RpcFault('cancelled', 'The caller has left.');
  }
  if (error instanceof RpcFault && error.code !== 'cancelled') {
    // Where it began it is on record with its cause; here it is one line.
    logFault(call, 'warn', 'a call failed because another did', error.message);
    return new RpcFault(error.code, `${nameOf(call.method)} failed.`);
  }
  logFault(call, 'error', 'a call failed', error);
  return new RpcFault(isOutage(error) ? 'unavailable' : 'internal', `${nameOf(call.method)} failed.`);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error instanceof RpcFault);
}

function logFault(call: Call, level: 'warn' | 'error', message: string, error: unknown): void {
  const { requestId, traceparent, caller } = call.context;
  call.surroundings.telemetry?.log[level](message, {
    method: nameOf(call.method),
    caller,
    requestId,
    traceparent,
    error,
  });
}

function tooLarge(): Refusal {
  return refuse('payload_too_large', `A message has at most ${messageBytesMax} bytes.`);
}

interface Account {
  count(method: UnaryMethod, result: string, seconds: number, traceparent: string): void;
  /** Gives the refusal back; puts one that the contract does not name on record, once. */
  declared(method: UnaryMethod, refusal: Refusal): Refusal;
}

function accountOf({ telemetry }: DispatchSurroundings): Account {
  const calls = telemetry?.counter('suuupra_rpc_calls_total', 'Calls answered, by method and result', [
    'method',
    'result',
  ]);
  const durations = telemetry?.durations('suuupra_rpc_call_duration_seconds', 'Time to answer a call', ['method']);
  const told = new Set<string>();
  return {
    count: (method, result, seconds, traceparent) => {
      calls?.inc({ method: nameOf(method), result });
      durations?.observe({ method: nameOf(method) }, seconds, traceparent);
    },
    declared: (method, refusal) => {
      const key = `${nameOf(method)} ${refusal.code}`;
      if (!mayRefuse(method, refusal.code) && !told.has(key)) {
        told.add(key);
        telemetry?.log.warn('a method refuses with a code that its contract does not name', {
          method: nameOf(method),
          code: refusal.code,
        });
      }
      return refusal;
    },
  };
}

/** Codes that any operation may refuse with, so contracts do not repeat them. */
export const generalRefusals: readonly RefusalCode[] = [
  'invalid_request',
  'unauthenticated',
  'permission_denied',
  'payload_too_large',
  'too_many_requests',
  'internal',
  'unavailable',
  'busy',
  'deadline_exceeded',
];

/** Every code that the contract lets this method refuse with, apart from the general ones. */
export function declaredRefusals(method: UnaryMethod): RefusalCode[] {
  const rules = rulesOf(method);
  const named = rules.refusals.filter(isRefusalCode);
  const keyed = Object.keys(refusals).filter((code) => code.startsWith('idempotency_')) as RefusalCode[];
  return rules.idempotencyKeyRequired ? [...named, ...keyed] : named;
}

function mayRefuse(method: UnaryMethod, code: RefusalCode): boolean {
  return generalRefusals.includes(code) || declaredRefusals(method).includes(code);
}
