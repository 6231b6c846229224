/** The upload of a bank's answer to a payout batch: its bytes are the body. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendProblem } from '@suuupra/platform/http/problem';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { userIdOf } from './keyed-call.ts';
import { type AnswerRow, answerBytesMax, takeAnswer } from './payout-answers.ts';
import { answerFormats, isAnswerFormat } from './read-answer.ts';
import type { PayoutSurroundings } from './surroundings.ts';

const nameCharsMax = 200;

export const answerRouteDeclaration: RawRouteDeclaration = {
  method: 'POST',
  path: '/api/v1/settlement/payout-batches/{id}/answers',
  summary: "Upload a bank's answer to a payout batch; format and name are in the query, the bytes are the body",
  access: { roles: ['finance'] },
  refusals: [
    ...(['invalid_request', 'not_found', 'payload_too_large', 'payout_batch_state', 'payout_answer_invalid'] as const),
    ...(['settlement_file_known', 'csrf_refused', 'request_timeout'] as const),
  ],
  bodyBytesMax: answerBytesMax,
};

export function answerRoute(surroundings: PayoutSurroundings): RawRoute {
  return {
    ...answerRouteDeclaration,
    handle: async (request, response, context) => {
      const taken = await upload(surroundings, request, context);
      if (isRefusal(taken)) return sendProblem(response, taken, context);
      if (taken.status === 'refused') return sendProblem(response, refusalOf(taken), context);
      sendAnswer(response, taken);
    },
  };
}

async function upload(
  surroundings: PayoutSurroundings,
  request: IncomingMessage,
  context: RawContext,
): Promise<AnswerRow | Refusal> {
  const format = context.query.get('format') ?? '';
  if (!isAnswerFormat(format)) return badQuery('format', `one of ${answerFormats.join(', ')}`);
  const name = context.query.get('name') ?? '';
  if (name.length > nameCharsMax || !name.isWellFormed() || /\p{Cc}/u.test(name))
    return badQuery('name', `at most ${nameCharsMax} characters, no control characters`);
  const content = await bodyOf(request);
  if (content === undefined)
    return refuse('payload_too_large', `An answer has at most ${answerBytesMax / 1024 / 1024} MiB; nothing was taken.`);
  const batchId = context.params['id'] ?? '';
  return takeAnswer(surroundings, { batchId, format, name, content, by: userIdOf(context), cause: context });
}

/** Undefined when it is too large. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > answerBytesMax) return undefined;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.byteLength;
    if (bytes > answerBytesMax) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function refusalOf({ reason, reason_line: line, reason_detail: detail }: AnswerRow): Refusal {
  const at = line === 0n ? detail : `Line ${line}: ${detail}`;
  return refuse('payout_answer_invalid', `${at} Nothing of the answer was taken.`, [
    { field: `line ${line}`, code: 'bad_format', detail: `${reason}: ${detail}` },
  ]);
}

function badQuery(field: string, detail: string): Refusal {
  return refuse('invalid_request', `${field} is not valid: ${detail}.`, [{ field, code: 'bad_format', detail }]);
}

function sendAnswer(response: ServerResponse, row: AnswerRow): void {
  const { id, sha256, status, paid, failed, returned, unchanged } = row;
  const text = JSON.stringify({ answer: { id, sha256, status, paid, failed, returned, unchanged } });
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.writeHead(201).end(text);
}
