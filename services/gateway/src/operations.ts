/**
 * The operator's view of the whole: every process that the gateway knows is asked at once, what answers in time is put
 * together, and what does not is named. Nothing here fails because a process is down: that is when people look.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type ListProcessDeadLettersResponse,
  type ListRecordsResponse,
  OperationsService,
  type ProcessHealthSchema,
  type ProcessService,
  type TraceSpan,
} from '@suuupra/contracts/gen/suuupra/operations/v1/operations_pb.ts';
import {
  type CallContext,
  type Client,
  type Implementation,
  implement,
  isRefusal,
  type Refusal,
  refuse,
} from '@suuupra/platform/rpc/rpc';
import { readable, summariesOf, waterfallOf } from './operations-trace.ts';

/** One process, as the gateway reaches it. */
export interface OperationsSource {
  /** For people: "this process", or `host:port`. */
  readonly name: string;
  readonly client: Client<typeof ProcessService>;
}

export interface OperationsParts {
  /** Asked at each call: processes come and go. At most `sourcesMax` are asked. */
  sources(): Promise<readonly OperationsSource[]>;
}

const sourcesMax = 100;
/** An operator's page waits this long for a process. */
const answerMsMax = 2_000;
const listDefault = 50;
const listMax = 100;
const spansAskedMax = 1_000;

export function operationsImplementation(parts: OperationsParts): Implementation {
  return implement(OperationsService, {
    getHealth: (_request, context) => getHealth(parts, context),
    listTraces: async ({ limit, name }, context) => {
      const { answers, silent } = await ask(parts, context, (client, options) =>
        client.listSpans({ limit: spansAskedMax }, options),
      );
      const wanted = name.toLowerCase();
      const traces = summariesOf(spansOf(answers)).filter((trace) => trace.name.toLowerCase().includes(wanted));
      return { traces: traces.slice(0, limit || listDefault), silent };
    },
    getTrace: async ({ traceId }, context) => {
      const { answers, silent } = await ask(parts, context, (client, options) =>
        client.listSpans({ traceId, limit: spansAskedMax }, options),
      );
      const { shown, leftOut } = readable(spansOf(answers));
      const spans = waterfallOf(shown);
      if (spans.length > 0) return { spans, silent, leftOut };
      return refuse('not_found', 'No process that answers keeps this trace: it was not sampled, or it is too old.');
    },
    listEvents: async ({ limit, text }, context) => {
      const { answers, silent } = await ask(parts, context, (client, options) =>
        client.listRecords({ limit: listMax }, options),
      );
      const wanted = text.toLowerCase();
      const events = newestEvents(answers).filter(({ type, topic, subject }) =>
        `${type} ${topic} ${subject}`.toLowerCase().includes(wanted),
      );
      return { events: events.slice(0, limit || listDefault), silent };
    },
    listDeadLetters: async ({ limit }, context) => {
      const { answers, silent } = await askDeadLetters(parts, context);
      return { deadLetters: lettersOf(answers).slice(0, limit || listDefault), silent };
    },
  });
}

async function getHealth(parts: OperationsParts, context: CallContext) {
  const [health, letters] = await Promise.all([
    ask(parts, context, (client, options) => client.getProcess({}, options)),
    askDeadLetters(parts, context),
  ]);
  const answered = health.answers.map(({ answer, name, latencyMs }) => ({
    ...answer.process,
    instance: name,
    answered: true,
    latencyMs,
  }));
  const silent = health.silent.map((instance) => ({ instance, answered: false }));
  const processes: MessageInitShape<typeof ProcessHealthSchema>[] = [...answered, ...silent];
  const count = lettersOf(letters.answers).length;
  return { processes, deadLetterCount: count, deadLetterCountExact: count < listMax };
}

interface Answered<T> {
  readonly name: string;
  readonly latencyMs: number;
  readonly answer: T;
}

type CallOptions = Parameters<Client<typeof ProcessService>['getProcess']>[1];

/** Asks all at once. Why one is silent is on record where the call failed. */
async function ask<T extends object>(
  parts: OperationsParts,
  context: CallContext,
  call: (client: OperationsSource['client'], options: CallOptions) => Promise<T | Refusal>,
): Promise<{ answers: Answered<T>[]; silent: string[] }> {
  const answers: Answered<T>[] = [];
  const silent: string[] = [];
  const asked = (await parts.sources()).slice(0, sourcesMax);
  await Promise.all(
    asked.map(async ({ name, client }) => {
      const startedAtMs = performance.now();
      const answer = await call(client, { context, timeoutMs: answerMsMax }).catch(() => undefined);
      const latencyMs = performance.now() - startedAtMs;
      if (answer === undefined || isRefusal(answer)) silent.push(name);
      else answers.push({ name, latencyMs, answer });
    }),
  );
  const byName = (a: string, b: string) => a.localeCompare(b);
  return { answers: answers.sort((a, b) => byName(a.name, b.name)), silent: silent.sort(byName) };
}

function spansOf(answers: readonly Answered<{ readonly spans: readonly TraceSpan[] }>[]): TraceSpan[] {
  return answers.flatMap(({ answer }) => [...answer.spans]);
}

/** Processes read one stream: what several tell of is one. */
function newestEvents(answers: readonly Answered<ListRecordsResponse>[]) {
  const events = answers.flatMap(({ answer }) => answer.events);
  const unique = new Map(events.map((event) => [`${event.topic}/${event.partition}/${event.position}`, event]));
  return [...unique.values()].sort(
    (a, b) => Number((b.time?.seconds ?? 0n) - (a.time?.seconds ?? 0n)) || (b.time?.nanos ?? 0) - (a.time?.nanos ?? 0),
  );
}

function askDeadLetters(parts: OperationsParts, context: CallContext) {
  return ask(parts, context, (client, options) => client.listProcessDeadLetters({ limit: listMax }, options));
}

function lettersOf(answers: readonly Answered<ListProcessDeadLettersResponse>[]) {
  const letters = answers.flatMap(({ answer }) => answer.deadLetters);
  const unique = new Map(
    letters.map((letter) => [`${letter.group}/${letter.event?.topic}/${letter.event?.id}`, letter]),
  );
  return [...unique.values()].sort((a, b) => Number((b.at?.seconds ?? 0n) - (a.at?.seconds ?? 0n)));
}
