/**
 * Calls between services: the types that both transports share.
 *
 * A service implements its methods as plain async functions and calls others through typed clients; whether the other
 * is in this process (transport-local.ts) or behind gRPC (transport-grpc.ts) is decided in apps/compose.ts and cannot
 * be told apart: messages are never shared by reference, deadlines and cancellation hold, and a refusal arrives as a
 * value while a fault is thrown.
 */
import type { DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { FieldError, RefusalCode } from '@suuupra/contracts/errors';

/** Who is asking. Set by the gateway from the session, or by the calling service for itself; never by a client. */
export type Principal =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'user'; readonly userId: string; readonly roles: readonly string[]; readonly sessionId: string }
  | { readonly kind: 'service'; readonly name: string };

export const anonymous: Principal = { kind: 'anonymous' };

/** True when the user holds the role; an admin holds every role. */
export function hasRole(principal: Principal, role: string): boolean {
  return principal.kind === 'user' && (principal.roles.includes(role) || principal.roles.includes('admin'));
}

/** What accompanies a call. */
export interface CallContext {
  readonly principal: Principal;
  /** The X-Request-Id of the request from outside, kept through every call and event it causes. */
  readonly requestId: string;
  /** W3C traceparent of the caller's span; '' where there is none. */
  readonly traceparent: string;
  /** Aborted when the caller gives up or the deadline passes. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch after which nobody waits for the answer. */
  readonly deadlineAtMs: number;
  /** The caller's Idempotency-Key, '' where there is none. */
  readonly idempotencyKey: string;
  /** The caller's If-Match, '' where there is none. */
  readonly ifMatch: string;
  /** Address and browser of the client, for session lists and logs. */
  readonly clientAddress: string;
  readonly userAgent: string;
  /** What the handler tells the caller besides the answer. */
  readonly answer: AnswerNotes;
}

/** Notes that travel with an answer; the gateway turns them into headers. */
export interface AnswerNotes {
  /** The answer is a stored one: `Idempotent-Replayed: true`. */
  idempotentReplayed?: boolean;
  etag?: string;
}

/** A documented no: nothing was changed. Returned, never thrown. */
export class Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
  readonly errors: readonly FieldError[];
  /** For `too_many_requests`, `busy`, `unavailable`: when to come back. */
  readonly retryAfterSeconds: number;
  constructor(code: RefusalCode, detail: string, errors: readonly FieldError[] = [], retryAfterSeconds = 0) {
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** `detail` is a sentence for the person who calls: what is wrong and what would do. */
export function refuse(code: RefusalCode, detail: string, errors: readonly FieldError[] = []): Refusal {
  return new Refusal(code, detail, errors);
}

export function isRefusal(value: unknown): value is Refusal {
  return value instanceof Refusal;
}

/**
 * A fault of the call itself, not of what it asked for. `code` is `internal`, `unavailable`, `deadline_exceeded` or
 * `cancelled`; the cause stays in the process where it happened and is logged there.
 */
export class RpcFault extends Error {
  readonly code: 'internal' | 'unavailable' | 'deadline_exceeded' | 'cancelled';
  constructor(code: RpcFault['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RpcFault';
    this.code = code;
  }
}

/** Every method of our contracts is unary; streams travel as raw HTTP routes or as events. */
export type UnaryMethods<S extends DescService> = {
  [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O> ? { input: I; output: O } : never;
};

/** What a service implements: one function for each method, in terms of message shapes. */
export type Handlers<S extends DescService> = {
  [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: CallContext) => Promise<MessageInitShape<O> | Refusal>
    : never;
};

/** What a caller passes; all that is left out is taken from the surrounding call. */
export interface CallOptions {
  /** Act for this principal, e.g. the user on whose behalf the call is made. Default: the calling service itself. */
  readonly principal?: Principal;
  /** The call this one is made for: its deadline, cancellation, request id, trace and client pass on. */
  readonly context?: CallContext;
  /** Default 5,000; never beyond the surrounding deadline. */
  readonly timeoutMs?: number;
  readonly idempotencyKey?: string;
  readonly ifMatch?: string;
}

/** What a caller sees of a service. Throws RpcFault; refusals are returned. */
export type Client<S extends DescService> = {
  [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O> | Refusal>
    : never;
};

export interface Answered<T> {
  readonly answer: T | Refusal;
  readonly notes: AnswerNotes;
}

/** A service's implementation, bound to its descriptor. */
export interface Implementation {
  readonly service: DescService;
  readonly handlers: Record<string, (request: never, context: CallContext) => Promise<unknown>>;
}

export function implement<S extends DescService>(service: S, handlers: Handlers<S>): Implementation {
  return { service, handlers: handlers as unknown as Implementation['handlers'] };
}

/** A rule that every handler is behind, whatever the transport: see rpc/access.ts. */
export const defaultTimeoutMs = 5_000;
