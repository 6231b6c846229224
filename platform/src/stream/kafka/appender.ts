/**
 * Appends to Kafka: one request under way at a time, so that records keep the order of their calls; calls that come in the
 * meantime go together in the next one. Idempotent within the session of the producer, acknowledged by all replicas in sync.
 */
import { Producer } from '@platformatic/kafka';
import type { Envelope } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { envelopeBytesMax } from '../outbox.ts';
import { partitionOfSubject } from '../partition-of.ts';
import { RecordRefused } from '../record-check.ts';
import { type Cluster, within } from './cluster.ts';
import { type Message, messageOf } from './records.ts';

export interface Appender {
  /** Resolves when all in-sync replicas have them. Rejects within `appendMsMax`, or at once when too much waits. */
  append(topic: string, envelopes: readonly Envelope[]): Promise<void>;
  send(messages: readonly Message[], bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** Of one request. Half of what a topic takes in one batch, as a batch of one partition may be all of it. */
const requestBytesMax = 2 * 1_048_576;
const requestRecordsMax = 10_000;
/** Of all calls that wait; more are refused until some are through, so that an outage does not fill the memory. */
const waitingBytesMax = 64 * 1_048_576;
/** An envelope of the largest size, with its attributes as headers. */
const messageBytesMax = envelopeBytesMax + 65_536;
/** How long the broker may wait for its replicas. */
const replicasMsMax = 5_000;
const closeMsMax = 5_000;

interface Piece {
  readonly messages: readonly Message[];
  readonly bytes: number;
  readonly call: Call;
}

interface Call {
  piecesLeft: number;
  readonly done: PromiseWithResolvers<void>;
}

export function createAppender(cluster: Cluster, partitions: number, appendMsMax: number): Appender {
  const producer = new Producer({ ...cluster.options, idempotent: true, timeout: replicasMsMax });
  const queue = createQueue(async (messages) => {
    await producer.send({ messages: [...messages] });
  });
  const send = async (pieces: readonly Omit<Piece, 'call'>[]): Promise<void> => {
    const call: Call = { piecesLeft: pieces.length, done: Promise.withResolvers() };
    queue.add(pieces.map((piece) => ({ ...piece, call })));
    try {
      await within(call.done.promise, appendMsMax, 'appending events');
    } catch (error) {
      queue.forget(call);
      throw error;
    }
  };
  return {
    async append(topic, envelopes) {
      if (envelopes.length === 0) return;
      const name = cluster.kafkaName(topic);
      await send(
        piecesOf(
          envelopes.map((envelope) => messageOf(envelope, name, partitionOfSubject(envelope.subject, partitions))),
        ),
      );
    },
    send: (messages, bytes) => send([{ messages, bytes }]),
    async close() {
      await within(queue.empty(), closeMsMax, 'finishing appends').catch((error: unknown) => {
        cluster.telemetry.log.warn('events were being appended when the stream closed', { error });
      });
      await producer.close();
    },
  };
}

interface Queue {
  /** Throws when too much waits already. */
  add(pieces: readonly Piece[]): void;
  /** The call no longer waits; what of it is not under way is not sent. */
  forget(call: Call): void;
  empty(): Promise<void>;
}

function createQueue(send: (messages: readonly Message[]) => Promise<void>): Queue {
  let waiting: Piece[] = [];
  let waitingBytes = 0;
  let running: Promise<void> | undefined;
  const forget = (call: Call) => {
    for (const piece of waiting) if (piece.call === call) waitingBytes -= piece.bytes;
    waiting = waiting.filter((piece) => piece.call !== call);
  };
  const run = async () => {
    for (let taken = take(waiting); taken.length > 0; taken = take(waiting)) {
      const result = await send(taken.flatMap(({ messages }) => messages)).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      for (const { call, bytes } of taken) {
        waitingBytes -= bytes;
        settle(call, result);
        // What came after in the same call would now go before.
        if (result !== undefined) forget(call);
      }
    }
    running = undefined;
  };
  return {
    add(pieces) {
      const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
      // A call that is alone may be larger: it is in memory already.
      if (waitingBytes > 0 && waitingBytes + bytes > waitingBytesMax) {
        throw new Error(`${waitingBytes} bytes of events wait for Kafka; no more are taken until some are through`);
      }
      waitingBytes += bytes;
      waiting.push(...pieces);
      running ??= run();
    },
    forget,
    empty: async () => {
      await running;
    },
  };
}

/** The next pieces that go together, taken out of those that wait. */
function take(waiting: Piece[]): Piece[] {
  let bytes = 0;
  let records = 0;
  let count = 0;
  for (const piece of waiting) {
    bytes += piece.bytes;
    records += piece.messages.length;
    if (count > 0 && (bytes > requestBytesMax || records > requestRecordsMax)) break;
    count += 1;
  }
  return waiting.splice(0, count);
}

function settle(call: Call, failure: { readonly error: unknown } | undefined): void {
  call.piecesLeft -= 1;
  if (failure !== undefined) call.done.reject(failure.error);
  else if (call.piecesLeft === 0) call.done.resolve();
}

function piecesOf(made: readonly { readonly message: Message; readonly bytes: number }[]): Omit<Piece, 'call'>[] {
  const pieces: { messages: Message[]; bytes: number }[] = [];
  for (const { message, bytes } of made) {
    if (bytes > messageBytesMax) {
      throw new RecordRefused(`an event of ${bytes} bytes is too large for the stream (${messageBytesMax})`);
    }
    const last = pieces.at(-1);
    if (last === undefined || last.bytes + bytes > requestBytesMax || last.messages.length >= requestRecordsMax) {
      pieces.push({ messages: [message], bytes });
    } else {
      last.messages.push(message);
      last.bytes += bytes;
    }
  }
  return pieces;
}
