/** Downloads: an instructor's statement as CSV, a payout batch's file for finance. */

import type { ServerResponse } from 'node:http';
import { sendProblem } from '@suuupra/platform/http/problem';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import { refuse } from '@suuupra/platform/rpc/rpc';
import { answerRoute, answerRouteDeclaration } from './answer-route.ts';
import { userIdOf } from './keyed-call.ts';
import { findBatch, findFile, readLines } from './lists.ts';
import { type StatementLine, statementCsv } from './statement.ts';
import type { PayoutSurroundings } from './surroundings.ts';

const statementRoute: RawRouteDeclaration = {
  method: 'GET',
  path: '/api/v1/instructors/me/statements/{id}/csv',
  summary: 'One of my statements as CSV',
  access: { roles: ['instructor'] },
  refusals: ['not_found'],
  bodyBytesMax: 0,
  lasting: true,
};
const payoutFileRoute: RawRouteDeclaration = {
  method: 'GET',
  path: '/api/v1/settlement/payout-batches/{id}/files/{format}',
  summary: 'A file of a payout batch: pain_001, nach_csv or csv',
  access: { roles: ['finance'] },
  refusals: ['not_found'],
  bodyBytesMax: 0,
};

export const fileRouteDeclarations = [statementRoute, payoutFileRoute, answerRouteDeclaration];

export function fileRoutes(surroundings: PayoutSurroundings): RawRoute[] {
  return [
    { ...statementRoute, handle: (_, response, context) => sendStatement(surroundings, response, context) },
    { ...payoutFileRoute, handle: (_, response, context) => sendPayoutFile(surroundings, response, context) },
    answerRoute(surroundings),
  ];
}

const linesInStep = 1_000;

async function sendStatement(
  { sql }: PayoutSurroundings,
  response: ServerResponse,
  context: RawContext,
): Promise<void> {
  const batch = await findBatch(sql, context.params['id'] ?? '', userIdOf(context));
  if (batch === undefined) return sendProblem(response, refuse('not_found', 'You have no such statement.'), context);
  const lines: StatementLine[] = [];
  for (;;) {
    const step = await readLines(sql, batch.id, lines.length, linesInStep);
    lines.push(...step);
    if (step.length < linesInStep) break;
  }
  const { instructor_id: instructorId, currency, opening_minor: openingMinor, cutoff_sequence: sequence } = batch;
  const cutoff = { sequence, atMs: batch.cutoff_at.getTime() };
  const csv = statementCsv({ instructorId, currency, openingMinor, cutoff }, lines);
  sendFile(response, { name: `statement-${batch.id}.csv`, mediaType: 'text/csv; charset=utf-8', content: csv });
}

async function sendPayoutFile(
  { sql, seal }: PayoutSurroundings,
  response: ServerResponse,
  context: RawContext,
): Promise<void> {
  const file = await findFile(sql, context.params['id'] ?? '', context.params['format'] ?? '');
  if (file === undefined) return sendProblem(response, refuse('not_found', 'There is no such file.'), context);
  sendFile(response, {
    name: file.file_name,
    mediaType: file.format === 'pain_001' ? 'application/xml' : 'text/csv; charset=utf-8',
    content: seal.open(file.sealed_content, `${file.payout_batch_id}/${file.format}`),
  });
}

/** Personal: kept by no cache on the way. */
function sendFile(response: ServerResponse, file: { name: string; mediaType: string; content: string }): void {
  const bytes = Buffer.from(file.content);
  response.writeHead(200, {
    'Content-Type': file.mediaType,
    'Content-Length': bytes.byteLength,
    'Content-Disposition': `attachment; filename="${file.name}"`,
    'Cache-Control': 'private, no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(bytes);
}
