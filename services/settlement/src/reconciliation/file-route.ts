/** The upload of a file: its bytes are the body, kept as they arrive. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendProblem } from '@suuupra/platform/http/problem';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { actorOf } from './break-desk.ts';
import type { Desk } from './desk.ts';
import { fileFormats, isFileFormat } from './file-item.ts';
import { fileBytesMax, type ReceivedFile, receiveFile } from './files.ts';

const nameCharsMax = 200;

export const uploadRoute: RawRouteDeclaration = {
  method: 'POST',
  path: '/api/v1/settlement/files',
  summary: 'Upload a file of a provider or bank; format and name are in the query, the bytes are the body',
  access: { roles: ['finance'] },
  refusals: ['invalid_request', 'payload_too_large', 'settlement_file_known', 'csrf_refused', 'request_timeout'],
  bodyBytesMax: fileBytesMax,
  lasting: true,
};

export function fileRoute(desk: Desk): RawRoute {
  return {
    ...uploadRoute,
    handle: async (request, response, context) => {
      const received = await upload(desk, request, context);
      if (isRefusal(received)) return sendProblem(response, received, context);
      const { id, sha256, sizeBytes } = received;
      sendJson(response, 201, 'application/json', {
        file: { id, sha256, sizeBytes: String(sizeBytes), status: 'pending' },
      });
    },
  };
}

async function upload(desk: Desk, request: IncomingMessage, context: RawContext): Promise<ReceivedFile | Refusal> {
  const format = context.query.get('format') ?? '';
  if (!isFileFormat(format)) return badQuery('format', `one of ${fileFormats.join(', ')}`);
  const name = context.query.get('name') ?? '';
  if (name.length > nameCharsMax || !name.isWellFormed() || /\p{Cc}/u.test(name))
    return badQuery('name', `at most ${nameCharsMax} characters, no control characters`);
  if (Number(request.headers['content-length'] ?? 0) > fileBytesMax)
    return refuse('payload_too_large', `A file has at most ${fileBytesMax / 1024 / 1024} MiB; nothing of it was kept.`);
  return receiveFile(desk, { format, source: 'upload', name, by: actorOf(context), simulated: false, body: request });
}

function badQuery(field: string, detail: string): Refusal {
  return refuse('invalid_request', `${field} is not valid: ${detail}.`, [{ field, code: 'bad_format', detail }]);
}

function sendJson(response: ServerResponse, status: number, type: string, body: unknown): void {
  const text = JSON.stringify(body);
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.writeHead(status).end(text);
}
