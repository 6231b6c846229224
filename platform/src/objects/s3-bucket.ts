/**
 * The few requests that objects need of one bucket, each with a time limit and at most three tries.
 *
 * Library: `@aws-sdk/client-s3` 3. Pitfalls: it adds checksums of its own to every request, which other servers than
 * Amazon's may refuse, unless it is told `WHEN_REQUIRED`; a stream it got cannot be sent again, so parts go as bytes; its
 * request timeout only warns unless it is told to throw; the body of an answer has no timeout at all (objects-s3.ts).
 */

import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Place } from './s3-url.ts';

export interface S3Bucket {
  /** False when `onlyNew` found one there. */
  put(key: string, bytes: Uint8Array, options?: { readonly onlyNew?: boolean }): Promise<boolean>;
  /** Undefined when there is none. */
  get(key: string, range?: { readonly start: number; readonly end: number }): Promise<Readable | undefined>;
  delete(key: string): Promise<void>;
  /** Uploads in parts of one size; the last may be smaller. Leaves nothing when `parts` throws. */
  putParts(key: string, parts: AsyncIterable<Uint8Array>): Promise<void>;
  /** Keys that begin so, at most 1,000 at once, with the place to go on from. */
  list(
    prefix: string,
    after: string | undefined,
  ): Promise<{ readonly entries: readonly Listed[]; readonly next?: string }>;
  /** Ends uploads in parts that were begun before, of at most 1,000. */
  abortUploadsBefore(prefix: string, before: Date): Promise<void>;
  head(): Promise<void>;
  close(): void;
}

export interface Listed {
  readonly key: string;
  readonly modifiedAt: Date;
}

const triesMax = 3;
const connectMsMax = 3_000;
/** A part of 8 MiB at half a megabyte a second. */
const requestMsMax = 20_000;
const socketsMax = 64;

export function openS3Bucket(place: S3Place): S3Bucket {
  const client = new S3Client({
    endpoint: place.endpoint,
    region: place.region,
    forcePathStyle: place.isPathStyle,
    credentials: { accessKeyId: place.accessKeyId, secretAccessKey: place.secretAccessKey },
    maxAttempts: triesMax,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectMsMax,
      requestTimeout: requestMsMax,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: socketsMax },
      httpsAgent: { keepAlive: true, maxSockets: socketsMax },
    },
  });
  const at = (key: string) => ({ Bucket: place.bucket, Key: `${place.prefix}${key}` });
  return {
    put: async (key, bytes, { onlyNew = false } = {}) => {
      try {
        await client.send(new PutObjectCommand({ ...at(key), Body: bytes, ...(onlyNew ? { IfNoneMatch: '*' } : {}) }));
        return true;
      } catch (error) {
        // 409: two of them at the same moment; none has to have won, so the caller looks.
        if (onlyNew && (isStatus(error, 412) || isStatus(error, 409))) return false;
        throw error;
      }
    },
    get: async (key, range) => {
      try {
        const Range = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` };
        const { Body } = await client.send(new GetObjectCommand({ ...at(key), ...Range }));
        return Body as Readable;
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    },
    delete: async (key) => {
      await client.send(new DeleteObjectCommand(at(key)));
    },
    putParts: (key, parts) => putParts(client, at(key), parts),
    list: async (prefix, after) => {
      const page = await client.send(
        new ListObjectsV2Command({
          Bucket: place.bucket,
          Prefix: `${place.prefix}${prefix}`,
          ...(after === undefined ? {} : { StartAfter: `${place.prefix}${after}` }),
        }),
      );
      const entries = (page.Contents ?? []).map(({ Key = '', LastModified }) => ({
        key: Key.slice(place.prefix.length),
        modifiedAt: LastModified ?? new Date(),
      }));
      const next = page.IsTruncated === true ? entries.at(-1)?.key : undefined;
      return { entries, ...(next === undefined ? {} : { next }) };
    },
    abortUploadsBefore: async (prefix, before) => {
      const { Uploads = [] } = await client.send(
        new ListMultipartUploadsCommand({ Bucket: place.bucket, Prefix: `${place.prefix}${prefix}` }),
      );
      for (const { Key, UploadId, Initiated } of Uploads) {
        if (Initiated === undefined || Initiated >= before) continue;
        await client.send(new AbortMultipartUploadCommand({ Bucket: place.bucket, Key, UploadId }));
      }
    },
    head: async () => {
      await client.send(new HeadBucketCommand({ Bucket: place.bucket }));
    },
    close: () => client.destroy(),
  };
}

async function putParts(
  client: S3Client,
  at: { readonly Bucket: string; readonly Key: string },
  parts: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
  try {
    const done: { ETag: string | undefined; PartNumber: number }[] = [];
    for await (const Body of parts) {
      const PartNumber = done.length + 1;
      const { ETag } = await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
      done.push({ ETag, PartNumber });
    }
    await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: done } }));
  } catch (error) {
    // A server that is gone keeps the parts until the sweep; the first error is the one to tell.
    await client.send(new AbortMultipartUploadCommand({ ...at, UploadId })).catch(() => {});
    throw error;
  }
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;
}
