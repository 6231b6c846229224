/**
 * The `objects` port: files by id, written once, read whole or by range.
 * Adapters: objects-disk.ts (a folder of this machine; written beside, fsynced, renamed),
 * objects-s3.ts (any S3 that honours If-None-Match).
 */
import type { Readable } from 'node:stream';

export interface StoredObject {
  readonly id: string;
  readonly sizeBytes: number;
  /** SHA-256 of the bytes, hex. */
  readonly sha256: string;
  readonly contentType: string;
  readonly createdAt: Date;
}

export interface Objects {
  /** Stores the stream whole or not at all; throws ObjectFault `too_large` past `sizeBytesMax`. Durable when it resolves. */
  put(id: string, contentType: string, body: Readable, sizeBytesMax: number): Promise<StoredObject>;
  stat(id: string): Promise<StoredObject | undefined>;
  /** Bytes from `start` to `end`, both included; undefined when there is no such object. */
  read(id: string, range?: { readonly start: number; readonly end: number }): Promise<Readable | undefined>;
  delete(id: string): Promise<void>;
  ping(): Promise<number>;
}

export class ObjectFault extends Error {
  readonly kind: 'too_large' | 'exists' | 'unavailable';
  constructor(kind: ObjectFault['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ObjectFault';
    this.kind = kind;
  }
}
