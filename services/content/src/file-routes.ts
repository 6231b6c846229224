/** Uploads and downloads over HTTP: what is no request and response in JSON. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { DocumentOf } from '@suuupra/platform/documents/documents';
import { sendProblem } from '@suuupra/platform/http/problem';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import { isRefusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { Content } from './content.ts';
import { type FileBody, fileBytesMax, type RangeAnswer, readRange } from './file.ts';
import { openFile, storeFile } from './files.ts';
import { fileUrl } from './lesson.ts';

/** A released file never changes under its id; 365 days is the most a cache is asked to keep. */
const publicCache = 'public, max-age=31536000, immutable';
/** Long enough for a seeking player, short enough for access that ends. */
const privateCache = 'private, max-age=300';

const upload: RawRouteDeclaration = {
  method: 'POST',
  path: '/api/v1/files',
  summary: 'Upload a video, an image or captions for a lesson',
  access: { roles: ['instructor'] },
  refusals: ['invalid_request', 'unsupported_media_type', 'csrf_refused', 'request_timeout'],
  bodyBytesMax: fileBytesMax,
  lasting: true,
};
const download: RawRouteDeclaration = {
  method: 'GET',
  path: '/api/v1/files/{id}',
  summary: 'An uploaded file, whole or by range',
  access: 'public',
  refusals: ['not_found', 'not_enrolled', 'unauthenticated', 'range_not_satisfiable'],
  bodyBytesMax: 0,
  lasting: true,
};
const look: RawRouteDeclaration = { ...download, method: 'HEAD', summary: 'Size and type of an uploaded file' };

export const fileRouteDeclarations = [upload, download, look];

export function fileRoutes(content: Content): RawRoute[] {
  return [
    { ...upload, handle: (request, response, context) => receiveFile(content, request, response, context) },
    { ...download, handle: (request, response, context) => sendFile(content, request, response, context) },
    { ...look, handle: (request, response, context) => sendFile(content, request, response, context) },
  ];
}

async function receiveFile(
  content: Content,
  request: IncomingMessage,
  response: ServerResponse,
  context: RawContext,
): Promise<void> {
  const file = await storeFile(
    content,
    {
      body: request,
      declaredType: request.headers['content-type'] ?? '',
      declaredBytes: request.headers['content-length'],
      name: context.query.get('name') ?? '',
    },
    context,
  );
  if (isRefusal(file)) return sendProblem(response, file, context);
  const { sizeBytes, contentType } = file.body;
  sendJson(response, 201, 'application/json', { file: { id: file.id, url: fileUrl(file.id), sizeBytes, contentType } });
}

async function sendFile(
  content: Content,
  request: IncomingMessage,
  response: ServerResponse,
  context: RawContext,
): Promise<void> {
  const opened = await openFile(content, context.params['id'] ?? '', context);
  if (isRefusal(opened)) return sendProblem(response, opened, context);
  const { file } = opened;
  const etag = `"${file.body.sha256}"`;
  setFileHeaders(response, file, etag, opened.isPublic);
  if (matches(request.headers['if-none-match'], etag)) {
    response.writeHead(304).end();
    return;
  }
  const range = rangeOf(request, etag, file.body.sizeBytes);
  if (range.kind === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${file.body.sizeBytes}`);
    response.removeHeader('ETag');
    return sendProblem(
      response,
      refuse('range_not_satisfiable', `The file has ${file.body.sizeBytes} bytes.`),
      context,
    );
  }
  await sendBytes(content, file, range, request.method === 'HEAD', response);
}

function setFileHeaders(response: ServerResponse, file: DocumentOf<FileBody>, etag: string, isPublic: boolean): void {
  const { contentType, name } = file.body;
  response.setHeader('Content-Type', contentType === 'text/vtt' ? 'text/vtt; charset=utf-8' : contentType);
  response.setHeader('ETag', etag);
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('Cache-Control', isPublic ? publicCache : privateCache);
  response.setHeader('Vary', isPublic ? 'Accept-Encoding' : 'Accept-Encoding, Authorization, Cookie');
  setSafety(response);
  if (name !== '') response.setHeader('Content-Disposition', `inline; filename*=UTF-8''${rfc5987(name)}`);
}

/** An SVG opened by itself runs no script and loads nothing; nothing is taken for another type than it says. */
function setSafety(response: ServerResponse): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', "sandbox; default-src 'none'; style-src 'unsafe-inline'");
}

function rfc5987(name: string): string {
  return encodeURIComponent(name).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
}

/** If-None-Match compares weakly (RFC 9110, section 13.1.2). */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}

/** A range of another version of the file than the one the client holds is of no use to it: it gets the whole. */
function rangeOf(request: IncomingMessage, etag: string, sizeBytes: number): RangeAnswer {
  const condition = request.headers['if-range'];
  if (typeof condition === 'string' && condition.trim() !== etag) return { kind: 'whole' };
  return readRange(request.headers.range, sizeBytes);
}

async function sendBytes(
  content: Content,
  file: DocumentOf<FileBody>,
  range: Exclude<RangeAnswer, { kind: 'unsatisfiable' }>,
  headOnly: boolean,
  response: ServerResponse,
): Promise<void> {
  const { sizeBytes } = file.body;
  const part = range.kind === 'part' ? { start: range.start, end: range.end } : undefined;
  if (part !== undefined) response.setHeader('Content-Range', `bytes ${part.start}-${part.end}/${sizeBytes}`);
  response.setHeader('Content-Length', part === undefined ? sizeBytes : part.end - part.start + 1);
  if (headOnly) {
    response.writeHead(part === undefined ? 200 : 206).end();
    return;
  }
  const bytes = await content.objects.read(file.id, part);
  if (bytes === undefined) throw new Error(`The bytes of the file ${file.id} are not there.`);
  response.writeHead(part === undefined ? 200 : 206);
  await pipeline(bytes, response).catch((error: unknown) => {
    // A player that seeks, or a reader that leaves, closes the connection in the middle.
    if (!isClientGone(error)) throw error;
  });
}

function isClientGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE';
}

function sendJson(response: ServerResponse, status: number, type: string, body: unknown): void {
  const text = JSON.stringify(body);
  response.removeHeader('Content-Disposition');
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.writeHead(status).end(text);
}
