/** Journals in bulk as a stream: lines of JSON in, lines of JSON out, however many they are. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { create } from '@bufbuild/protobuf';
import { BookedJournalSchema, type JournalToBook } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { sendProblem } from '@suuupra/platform/http/problem';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import { jsonWriter } from '@suuupra/platform/rpc/json-write';
import { hasRole, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { kindsOfTwoPeople } from './desk-commands.ts';
import { type JournalLine, LineCutter, readLine } from './journal-lines.ts';
import type { BookedOutcome } from './journal-orders.ts';
import { bookAtOnce, JournalStream, type StreamTotals } from './journal-stream.ts';
import type { LedgerWriter } from './ledger-writer.ts';

/** Some hundred thousand journals of common size; there is no reason to send more under one request. */
const streamBytesMax = 256 * 1024 * 1024;
/** As many as one bulk request: they are judged together, so all are in memory. */
const atomicMax = 1_000;

export const streamRoute: RawRouteDeclaration = {
  method: 'POST',
  path: '/api/v1/ledger/journals:stream',
  summary:
    'Book journals as they come: one JSON journal a line, one JSON result a line, a last line with the sums; ?mode=atomic, continue or stop',
  access: { roles: ['finance'] },
  refusals: [
    'invalid_request',
    'unsupported_media_type',
    'payload_too_large',
    'busy',
    'csrf_refused',
    'request_timeout',
  ],
  bodyBytesMax: streamBytesMax,
  lasting: true,
};

/**
 * Each journal happens once by its id: what broke off is sent again whole, and what was booked of it is answered
 * `duplicate`. An answer without its last line broke off. When the caller goes, the group under way is booked and none
 * after it.
 */
export function journalStreamRoute(writer: LedgerWriter): RawRoute {
  return {
    ...streamRoute,
    handle: async (request, response, context) => {
      const mode = modeOf(request, context);
      if (isRefusal(mode)) return sendProblem(response, mode, context);
      if (mode === 'atomic') await bookAtomic(writer, request, response, context);
      else await bookEach(writer, mode, request, response, context);
    },
  };
}

const modes = ['atomic', 'continue', 'stop'] as const;

/** Checked here too, and not only at the door: who books is of finance. */
function modeOf(request: IncomingMessage, { principal, query }: RawContext): (typeof modes)[number] | Refusal {
  if (!hasRole(principal, 'finance')) return refuse('permission_denied', 'This needs the role finance.');
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-ndjson')
    return refuse('unsupported_media_type', 'Send journals as application/x-ndjson: one JSON object a line.');
  const mode = modes.find((one) => one === query.get('mode'));
  return (
    mode ??
    refuse('invalid_request', 'Say what happens when one is refused: ?mode=atomic, continue or stop.', [
      { field: 'mode', code: 'required', detail: modes.join(', ') },
    ])
  );
}

async function bookEach(
  writer: LedgerWriter,
  mode: 'continue' | 'stop',
  request: IncomingMessage,
  response: ServerResponse,
  context: RawContext,
): Promise<void> {
  const stream = new JournalStream(writer, {
    ...{ mode, cause: causeOf(context), signal: context.signal },
    write: (results) => write(response, results.map(lineOf).join(''), context),
  });
  const cutter = new LineCutter();
  const chunks = request.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await stream.orFault(chunks.next());
      if (next.done === true) break;
      await stream.push(cutter.push(next.value as Buffer).map(read));
    }
    await stream.push(cutter.end().map(read));
    await sendEnd(response, await stream.end(), context);
  } catch (error) {
    // The group under way is booked before this ends: whoever looks then sees all of it.
    await stream.settled();
    throw error;
  }
}

async function bookAtomic(
  writer: LedgerWriter,
  request: IncomingMessage,
  response: ServerResponse,
  context: RawContext,
): Promise<void> {
  const lines = await allLines(request);
  if (isRefusal(lines)) return sendProblem(response, lines, context);
  const booked = await bookAtOnce(writer, lines, { cause: causeOf(context), signal: context.signal });
  if (isRefusal(booked)) return sendProblem(response, booked, context);
  await write(response, booked.results.map(lineOf).join(''), context);
  await sendEnd(response, booked.totals, context);
}

async function allLines(request: IncomingMessage): Promise<JournalLine[] | Refusal> {
  const cutter = new LineCutter();
  const lines: JournalLine[] = [];
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    lines.push(...cutter.push(chunk as Buffer).map(read));
    if (lines.length > atomicMax) return tooMany();
  }
  lines.push(...cutter.end().map(read));
  return lines.length > atomicMax ? tooMany() : lines;
}

function tooMany(): Refusal {
  return refuse('payload_too_large', `At most ${atomicMax} journals are booked all or none; nothing was booked.`);
}

function read(line: Parameters<typeof readLine>[0]): JournalLine {
  return readLine(line, refusedHere);
}

function refusedHere({ kind }: JournalToBook): string | undefined {
  return kindsOfTwoPeople.has(kind) ? `${kind} needs a second person: propose an adjustment or an exchange` : undefined;
}

function causeOf({ requestId, traceparent }: RawContext) {
  return { requestId, traceparent };
}

const resultText = jsonWriter(BookedJournalSchema);

function lineOf(result: BookedOutcome): string {
  return `${resultText(create(BookedJournalSchema, result))}\n`;
}

/** The answer begins with its first results: what goes wrong before is still refused with a status of its own. */
async function write(response: ServerResponse, text: string, { signal }: RawContext): Promise<void> {
  if (!response.headersSent) {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' });
  }
  if (text !== '' && !response.write(text)) await once(response, 'drain', { signal });
}

async function sendEnd(response: ServerResponse, totals: StreamTotals, context: RawContext): Promise<void> {
  const { sequence, ...counts } = totals;
  await write(response, `${JSON.stringify({ end: { ...counts, sequence: String(sequence) } })}\n`, context);
  response.end();
}
