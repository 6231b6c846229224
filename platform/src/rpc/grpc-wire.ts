/**
 * How a call's surroundings, its refusal and its notes travel in gRPC metadata. A refusal is a status of the table in
 * contracts/src/errors.ts with its details in a binary trailer; a fault is a bare status that says nothing.
 */
import { Metadata } from '@grpc/grpc-js';
import { type FieldError, grpcStatus, isRefusalCode, refusals } from '@suuupra/contracts/errors';
import { type AnswerNotes, anonymous, type Principal, Refusal, RpcFault } from './rpc.ts';
import type { CallMetadata } from './transport.ts';

const callKey = 'suuupra-call-bin';
const refusalKey = 'suuupra-refusal-bin';
const notesKey = 'suuupra-notes-bin';
/** Trailers share HTTP/2's header limit, so details are cut rather than lost with the whole answer. */
const fieldErrorsMax = 20;
const detailCharsMax = 400;

/** What is not of use to public gRPC tools goes as one JSON value. */
interface CallHeader {
  readonly caller: string;
  readonly principal: Principal;
  readonly idempotencyKey: string;
  readonly ifMatch: string;
  readonly clientAddress: string;
  readonly userAgent: string;
}

export function toMetadata(context: CallMetadata): Metadata {
  const { caller, principal, idempotencyKey, ifMatch, clientAddress, userAgent } = context;
  const header: CallHeader = { caller, principal, idempotencyKey, ifMatch, clientAddress, userAgent };
  const metadata = new Metadata();
  metadata.set('x-request-id', context.requestId);
  if (context.traceparent !== '') metadata.set('traceparent', context.traceparent);
  metadata.set(callKey, toJsonBytes(header));
  return metadata;
}

/** A call without our header comes from nobody we know; a header that is not one of ours gives undefined. */
export function fromMetadata(metadata: Metadata): Omit<CallMetadata, 'deadlineAtMs'> | undefined {
  const requestId = textOf(metadata, 'x-request-id');
  const traceparent = textOf(metadata, 'traceparent');
  const header = fromJsonBytes(metadata, callKey);
  if (header === undefined) return { ...strangerHeader, requestId, traceparent };
  return isCallHeader(header) ? { ...header, requestId, traceparent } : undefined;
}

const strangerHeader: CallHeader = {
  caller: '',
  principal: anonymous,
  idempotencyKey: '',
  ifMatch: '',
  clientAddress: '',
  userAgent: '',
};

function isCallHeader(value: unknown): value is CallHeader {
  if (typeof value !== 'object' || value === null) return false;
  const header = value as Record<string, unknown>;
  const texts = ['caller', 'idempotencyKey', 'ifMatch', 'clientAddress', 'userAgent'];
  return texts.every((name) => typeof header[name] === 'string') && isPrincipal(header.principal);
}

function isPrincipal(value: unknown): value is Principal {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, name, userId, sessionId, roles } = value as Record<string, unknown>;
  if (kind === 'anonymous') return true;
  if (kind === 'service') return typeof name === 'string';
  const roleNames = Array.isArray(roles) && roles.every((role) => typeof role === 'string');
  return kind === 'user' && typeof userId === 'string' && typeof sessionId === 'string' && roleNames;
}

export interface Status {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

export function refusalStatus(refusal: Refusal, notes: AnswerNotes): Status {
  const metadata = notesMetadata(notes);
  const errors = refusal.errors.slice(0, fieldErrorsMax).map((error) => ({ ...error, detail: cut(error.detail) }));
  const { code, retryAfterSeconds } = refusal;
  metadata.set(refusalKey, toJsonBytes({ code, detail: cut(refusal.detail), errors, retryAfterSeconds }));
  return { code: refusals[code].grpc, details: code, metadata };
}

export function faultStatus(fault: RpcFault): Status {
  return { code: faultCodes[fault.code], details: fault.code, metadata: new Metadata() };
}

export function notesMetadata(notes: AnswerNotes): Metadata {
  const metadata = new Metadata();
  if (notes.etag !== undefined || notes.idempotentReplayed !== undefined) metadata.set(notesKey, toJsonBytes(notes));
  return metadata;
}

export function notesOf(trailers: Metadata): AnswerNotes {
  const value = fromJsonBytes(trailers, notesKey) as Record<string, unknown> | undefined;
  return {
    ...(typeof value?.etag === 'string' && { etag: value.etag }),
    ...(typeof value?.idempotentReplayed === 'boolean' && { idempotentReplayed: value.idempotentReplayed }),
  };
}

/** The refusal that a failed status carries, or the fault that it is. */
export function refusalOrFault(status: Pick<Status, 'code' | 'metadata'>, method: string): Refusal | RpcFault {
  const value = fromJsonBytes(status.metadata, refusalKey) as Record<string, unknown> | undefined;
  if (value !== undefined && typeof value.code === 'string' && isRefusalCode(value.code)) {
    const errors = Array.isArray(value.errors) ? (value.errors as FieldError[]) : [];
    return new Refusal(value.code, String(value.detail), errors, Number(value.retryAfterSeconds));
  }
  switch (status.code) {
    case grpcStatus.unavailable:
      return new RpcFault('unavailable', `${method} cannot be reached.`);
    case grpcStatus.deadlineExceeded:
      return new RpcFault('deadline_exceeded', `${method} took too long.`);
    case grpcStatus.cancelled:
      return new RpcFault('cancelled', `${method} was cancelled.`);
    default:
      return new RpcFault('internal', `${method} failed.`);
  }
}

const faultCodes: Record<RpcFault['code'], number> = {
  internal: grpcStatus.internal,
  unavailable: grpcStatus.unavailable,
  deadline_exceeded: grpcStatus.deadlineExceeded,
  cancelled: grpcStatus.cancelled,
};

function cut(text: string): string {
  return text.length > detailCharsMax ? `${text.slice(0, detailCharsMax)}…` : text;
}

function toJsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function fromJsonBytes(metadata: Metadata, key: string): unknown {
  const [bytes] = metadata.get(key);
  if (bytes === undefined || typeof bytes === 'string') return undefined;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

function textOf(metadata: Metadata, key: string): string {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : '';
}
