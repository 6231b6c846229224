/** Files of authors: taken in whole or not at all, and given to whom the releases that use them are open. */
import { Readable } from 'node:stream';
import type { DocumentOf } from '@suuupra/platform/documents/documents';
import { ObjectFault } from '@suuupra/platform/objects/objects';
import { type CallContext, hasRole, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type Content, userIdOf } from './content.ts';
import { type FileBody, fileTypes, isFileType, sniff, sniffBytes } from './file.ts';
import { entitledRelease } from './reading.ts';
import type { FileGrant } from './release.ts';

const nameCharsMax = 200;
/** Courses that one file is looked up in; an author who uses it in more uploads it twice. */
const grantsLookedAtMax = 20;

export interface Upload {
  readonly body: Readable;
  readonly declaredType: string;
  readonly declaredBytes: string | undefined;
  readonly name: string;
}

/**
 * Stores an upload under a new id. Its type is what its first bytes say, and must be the declared one.
 * Refuses `unsupported_media_type`, `payload_too_large`, `invalid_request` naming `name`.
 */
export async function storeFile(
  content: Content,
  upload: Upload,
  context: CallContext,
): Promise<DocumentOf<FileBody> | Refusal> {
  const declared = (upload.declaredType.split(';')[0] ?? '').trim().toLowerCase();
  if (!isFileType(declared)) return refuseType(`Content-Type is one of ${Object.keys(fileTypes).join(', ')}.`);
  if (!isName(upload.name)) {
    return refuse('invalid_request', 'The name is not valid.', [
      { field: 'name', code: 'bad_format', detail: `at most ${nameCharsMax} characters, no control characters` },
    ]);
  }
  const sizeBytesMax = fileTypes[declared];
  if (Number(upload.declaredBytes ?? 0) > sizeBytesMax) return refuseSize(declared);
  const { head, whole } = await peek(upload.body);
  const found = sniff(head);
  if (found !== declared)
    return refuseType(`The bytes are ${found ?? 'of no type that may be uploaded'}, not ${declared}.`);
  const id = content.world.id('fil');
  try {
    const stored = await content.objects.put(id, declared, whole, sizeBytesMax);
    const body: FileBody = {
      ownerId: userIdOf(context),
      name: upload.name,
      contentType: declared,
      sizeBytes: stored.sizeBytes,
      sha256: stored.sha256,
      createdAt: stored.createdAt.toISOString(),
    };
    await content.store.documents.transaction((tx) => tx.insert('files', id, body));
    return { id, version: 1, body };
  } catch (error) {
    if (error instanceof ObjectFault && error.kind === 'too_large') return refuseSize(declared);
    await content.objects.delete(id).catch(() => {
      // Bytes without a description are never served; the fault that is thrown says what went wrong.
    });
    throw error;
  }
}

function isName(name: string): boolean {
  return name.length <= nameCharsMax && name.isWellFormed() && !/\p{Cc}/u.test(name);
}

function refuseType(detail: string): Refusal {
  return refuse('unsupported_media_type', detail);
}

function refuseSize(type: keyof typeof fileTypes): Refusal {
  return refuse('payload_too_large', `A file of type ${type} has at most ${fileTypes[type]} bytes.`);
}

/** Reads the beginning of a stream and gives it back together with a stream of the whole. */
async function peek(body: Readable): Promise<{ head: Uint8Array; whole: Readable }> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const begun: Uint8Array[] = [];
  let length = 0;
  while (length < sniffBytes) {
    const next = await chunks.next();
    if (next.done === true) break;
    begun.push(next.value);
    length += next.value.byteLength;
  }
  const head = Buffer.concat(begun);
  const whole = Readable.from(
    (async function* () {
      yield head;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    })(),
    { objectMode: false },
  );
  return { head: head.subarray(0, sniffBytes), whole };
}

export interface OpenedFile {
  readonly file: DocumentOf<FileBody>;
  /** The newest release shows it to everybody. */
  readonly isPublic: boolean;
}

/**
 * Its owner and administrators read any file; everybody reads what a public page shows; learners read what their
 * courses use. A file that no release uses does not exist for others.
 */
export async function openFile(content: Content, id: string, context: CallContext): Promise<OpenedFile | Refusal> {
  const { documents } = content.store;
  const file = await documents.get<FileBody>('files', id);
  if (file === undefined) return noSuchFile();
  const grants = await documents.find<FileGrant>('file_grants', { fileId: id }, { limit: grantsLookedAtMax });
  if (grants.some(({ body }) => body.public)) return { file, isPublic: true };
  const { principal } = context;
  if (principal.kind === 'user' && (principal.userId === file.body.ownerId || hasRole(principal, 'admin'))) {
    return { file, isPublic: false };
  }
  if (grants.length === 0) return noSuchFile();
  let refused: Refusal | undefined;
  for (const { body } of grants) {
    const entitled = await entitledRelease(content, body.courseId, context);
    if (typeof entitled === 'number') return { file, isPublic: false };
    refused = entitled;
  }
  return refused ?? noSuchFile();
}

function noSuchFile(): Refusal {
  return refuse('not_found', 'There is no such file.');
}
