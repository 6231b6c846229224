/** What every adapter of the `stream` port must do. */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Envelope, EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SqlFault } from '../sql/sql.ts';
import { type RecordCheck, RecordRefused } from './record-check.ts';
import type { ConsumeOptions, Stream, StreamRecord } from './stream.ts';

export interface StreamUnderTest {
  /** A stream as another process would open it, with delays between tries of a few milliseconds. */
  open(): Promise<Stream>;
  /** One that is going to be killed, in whatever way that is real for the adapter. */
  openMortal(): Promise<Stream>;
  /** One that appends what no check lets through, as a process of another version would. */
  openUnchecked(): Promise<Stream>;
  /** What a kill -9 does to that process: its connections are gone and nothing it had in hand is written. */
  kill(stream: Stream): Promise<void>;
  close(): Promise<void>;
}

const type = 'test.v1.Happened';
let made = 0;

/** What may travel in these tests: events of two types on any topic, in bytes that do not begin with a zero. */
export const testCheck: RecordCheck = (_topic, envelope) => {
  if (![type, 'test.v1.Other'].includes(envelope.type)) return `no ${envelope.type} may travel here`;
  return envelope.data[0] === 0 ? 'its bytes do not decode' : undefined;
};

/** An envelope with an id of its own. */
export function testEnvelope(subject: string, text = '', envelopeType = type): Envelope {
  made += 1;
  return create(EnvelopeSchema, {
    id: `evt_${made}`,
    source: '/services/test',
    type: envelopeType,
    subject,
    time: timestampFromMs(1_750_000_000_000),
    data: Buffer.from(text),
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    correlationId: `req_${made}`,
  });
}

export interface Collected {
  readonly records: StreamRecord[];
  readonly batches: number[];
  take(records: readonly StreamRecord[]): Promise<void>;
  /** Resolves when at least this many records were taken. */
  reached(count: number): Promise<void>;
}

/** Takes records and lets a test wait for their number. */
export function collector(): Collected {
  const waiting = new Set<() => void>();
  const records: StreamRecord[] = [];
  const batches: number[] = [];
  return {
    records,
    batches,
    async take(taken) {
      records.push(...taken);
      batches.push(taken.length);
      for (const check of [...waiting]) check();
    },
    reached: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (records.length < count) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}

let names = 0;

/** A topic and a group that no other test uses. */
function fresh(): { topic: string; group: string } {
  names += 1;
  return { topic: `topic${names}`, group: `group${names}` };
}

function consuming(group: string, topic: string, handle: ConsumeOptions['handle']): ConsumeOptions {
  return { group, topics: [topic], types: new Set([type]), handle };
}

function idsOf(records: readonly { readonly envelope: Envelope }[]): string[] {
  return records.map((record) => record.envelope.id);
}

async function nextMillisecond(): Promise<void> {
  const nowMs = Date.now();
  while (Date.now() <= nowMs + 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Positions by partition; contiguous from 1 when nothing is wrong. */
function expectContiguous(records: readonly StreamRecord[]): void {
  const partitions = Map.groupBy(records, (record) => record.partition);
  for (const inOne of partitions.values()) {
    const positions = inOne.map((record) => record.position).sort((a, b) => Number(a - b));
    expect(positions).toEqual(positions.map((_, index) => BigInt(index + 1)));
  }
}

export function streamContract(name: string, prepare: () => Promise<StreamUnderTest>): void {
  describe(`stream contract: ${name}`, () => {
    let under: StreamUnderTest;
    let stream: Stream;
    let other: Stream;
    beforeAll(async () => {
      under = await prepare();
      stream = await under.open();
      other = await under.open();
    });
    afterAll(() => under.close());

    it('keeps the order of each subject and contiguous positions under concurrent appenders', async () => {
      const { topic, group } = fresh();
      const collected = collector();
      const consumer = await stream.consume(consuming(group, topic, collected.take));
      const subjects = Array.from({ length: 12 }, (_, index) => `subject-${index}`);
      const sent = new Map<string, string[]>();
      const appendAll = async (subject: string, through: Stream) => {
        for (let round = 0; round < 5; round += 1) {
          const batch = Array.from({ length: 4 }, () => testEnvelope(subject));
          sent.set(subject, [...(sent.get(subject) ?? []), ...batch.map((envelope) => envelope.id)]);
          await through.append(topic, batch);
        }
      };
      await Promise.all(subjects.map((subject, index) => appendAll(subject, index % 2 === 0 ? stream : other)));
      await collected.reached(240);
      await consumer.stop();
      const seen = Map.groupBy(collected.records, (record) => record.envelope.subject);
      for (const subject of subjects) expect(idsOf(seen.get(subject) ?? [])).toEqual(sent.get(subject));
      expectContiguous(collected.records);
      expect(new Set(collected.records.map((record) => record.partition)).size).toBeGreaterThan(1);
    });

    it('gives back every attribute of the envelope', async () => {
      const { topic, group } = fresh();
      const envelope = testEnvelope('äö\u{1f600} subject', 'données');
      const collected = collector();
      await stream.append(topic, [envelope]);
      const consumer = await stream.consume(consuming(group, topic, collected.take));
      await collected.reached(1);
      await consumer.stop();
      const [got] = collected.records;
      expect(got?.envelope.data).toBeDefined();
      expect({ ...got?.envelope, data: Buffer.from(got?.envelope.data ?? []).toString() }).toEqual({
        ...envelope,
        data: 'données',
      });
    });

    it('loses nothing of what is appended again, and keeps the first of each in the order of its subject', async () => {
      const { topic, group } = fresh();
      const envelopes = Array.from({ length: 20 }, (_, index) => testEnvelope(`s${index % 3}`));
      await Promise.all([
        stream.append(topic, envelopes),
        other.append(topic, envelopes),
        stream.append(topic, [...envelopes.slice(0, 5), ...envelopes.slice(0, 5)]),
      ]);
      await other.append(topic, envelopes);
      const collected = collector();
      const consumer = await stream.consume(consuming(group, topic, collected.take));
      while ((await stream.lag(group, [topic])) > 0n);
      await consumer.stop();
      for (const subject of ['s0', 's1', 's2']) {
        const ofSubject = (records: readonly { readonly envelope: Envelope }[]) =>
          new Set(idsOf(records.filter((record) => record.envelope.subject === subject)));
        expect([...ofSubject(collected.records)]).toEqual([...ofSubject(envelopes.map((envelope) => ({ envelope })))]);
      }
      expectContiguous(collected.records);
    });

    it('puts a subject into the partition that it names', async () => {
      const { topic, group } = fresh();
      const subjects = Array.from({ length: 30 }, (_, index) => `subject-${index}`);
      const collected = collector();
      await stream.append(
        topic,
        subjects.map((subject) => testEnvelope(subject)),
      );
      const consumer = await other.consume(consuming(group, topic, collected.take));
      await collected.reached(30);
      await consumer.stop();
      for (const { partition, envelope } of collected.records) {
        expect(partition).toBe(stream.partitionOf(envelope.subject));
      }
      // The published FNV-1a values 811c9dc5, e40c292c and bf9cf968, modulo 8. Another hash would part a subject's history.
      expect(['', 'a', 'foobar'].map(stream.partitionOf)).toEqual([5, 4, 0]);
    });

    it('refuses an append that holds what may not travel, and appends nothing of it', async () => {
      const { topic, group } = fresh();
      const unknown = testEnvelope('one', '', 'test.v1.Unheard');
      await expect(stream.append(topic, [testEnvelope('one'), unknown])).rejects.toThrow(RecordRefused);
      await expect(stream.append(topic, [testEnvelope('one', '\0')])).rejects.toThrow('do not decode');
      expect(await stream.lag(group, [topic])).toBe(0n);
    });

    it('puts what came in all the same to the dead letters, untried, and passes over types that nobody asked for', async () => {
      const { topic, group } = fresh();
      const [good, last] = [testEnvelope('one'), testEnvelope('one')];
      const broken = testEnvelope('one', '\0 broken');
      const unchecked = await under.openUnchecked();
      await unchecked.append(topic, [good, broken, testEnvelope('one', '', 'test.v1.Unheard'), last]);
      const collected = collector();
      const consumer = await stream.consume(consuming(group, topic, collected.take));
      await collected.reached(2);
      await consumer.stop();
      expect(idsOf(collected.records)).toEqual(idsOf([{ envelope: good }, { envelope: last }]));
      const dead = (await stream.deadLetters(100)).filter((letter) => letter.group === group);
      expect(dead).toMatchObject([{ topic, position: 2n, error: 'Error: its bytes do not decode' }]);
      expect(dead[0]?.envelope.id).toBe(broken.id);
      expect(await stream.lag(group, [topic])).toBe(0n);
    });

    it('hands over only the wanted types, and passes the others', async () => {
      const { topic, group } = fresh();
      const collected = collector();
      const wanted = testEnvelope('one');
      await stream.append(topic, [
        testEnvelope('one', '', 'test.v1.Other'),
        wanted,
        testEnvelope('one', '', 'test.v1.Other'),
      ]);
      const consumer = await stream.consume(consuming(group, topic, collected.take));
      await collected.reached(1);
      await stream.append(topic, [testEnvelope('one')]);
      await collected.reached(2);
      await consumer.stop();
      expect(collected.records[0]?.envelope.id).toBe(wanted.id);
      expect(await stream.lag(group, [topic])).toBe(0n);
    });

    it('gives every group every record, and counts what a group has not handled', async () => {
      const { topic, group } = fresh();
      const envelopes = Array.from({ length: 10 }, (_, index) => testEnvelope(`s${index}`));
      await stream.append(topic, envelopes);
      expect(await stream.lag(group, [topic])).toBe(10n);
      const first = collector();
      const second = collector();
      const one = await stream.consume(consuming(group, topic, first.take));
      const two = await stream.consume(consuming(`${group}b`, topic, second.take));
      await Promise.all([first.reached(10), second.reached(10)]);
      await Promise.all([one.stop(), two.stop()]);
      expect(await stream.lag(group, [topic])).toBe(0n);
      await stream.append(topic, [testEnvelope('late')]);
      expect(await stream.lag(group, [topic])).toBe(1n);
    });

    it('goes on where the group stopped, in another process', async () => {
      const { topic, group } = fresh();
      await stream.append(topic, [testEnvelope('one'), testEnvelope('one')]);
      const before = collector();
      const first = await stream.consume(consuming(group, topic, before.take));
      await before.reached(2);
      await first.stop();
      const next = testEnvelope('one');
      await stream.append(topic, [next]);
      const after = collector();
      const second = await other.consume(consuming(group, topic, after.take));
      await after.reached(1);
      await second.stop();
      expect(idsOf(after.records)).toEqual([next.id]);
    });

    it('bounds the batches of a backlog', async () => {
      const { topic, group } = fresh();
      await stream.append(
        topic,
        Array.from({ length: 250 }, () => testEnvelope('one')),
      );
      const collected = collector();
      const consumer = await stream.consume({ ...consuming(group, topic, collected.take), batchMax: 40 });
      await collected.reached(250);
      await consumer.stop();
      expect(Math.max(...collected.batches)).toBe(40);
      expect(collected.records.map((record) => record.position)).toEqual(
        Array.from({ length: 250 }, (_, index) => BigInt(index + 1)),
      );
    });

    it.each(['the same', 'another'])('wakes a consumer for an append of %s process without waiting', async (whose) => {
      const { topic, group } = fresh();
      const collected = collector();
      const consumer = await stream.consume(consuming(group, topic, collected.take));
      const startedMs = performance.now();
      for (let count = 1; count <= 20; count += 1) {
        await (whose === 'another' ? other : stream).append(topic, [testEnvelope('one')]);
        await collected.reached(count);
      }
      await consumer.stop();
      // A look every second would take 20 seconds for these; the bound leaves a slow machine room.
      expect(performance.now() - startedMs).toBeLessThan(8_000);
    });

    it('tries a failing record again, puts it aside after the last try, and goes on', async () => {
      const { topic, group } = fresh();
      const poison = testEnvelope('one', 'poison');
      const good = [testEnvelope('one'), testEnvelope('one'), testEnvelope('one')];
      await stream.append(topic, [...good.slice(0, 2), poison, ...good.slice(2)]);
      const collected = collector();
      const tries: number[] = [];
      const consumer = await stream.consume({
        ...consuming(group, topic, async (records) => {
          const bad = records.find((record) => record.envelope.id === poison.id);
          if (bad === undefined) return collected.take(records);
          if (records.length === 1) tries.push(bad.tries);
          throw new Error('cannot apply this one');
        }),
        triesMax: 3,
      });
      await collected.reached(3);
      await consumer.stop();
      expect(idsOf(collected.records)).toEqual(good.map((envelope) => envelope.id));
      expect(tries).toEqual([0, 1, 2]);
      const [dead] = await stream.deadLetters(1);
      expect(dead).toMatchObject({ group, topic, position: 3n, error: 'Error: cannot apply this one' });
      expect(dead?.envelope.id).toBe(poison.id);
      expect(await stream.lag(group, [topic])).toBe(0n);
    });

    it('counts the tries of a record on after the consumer was stopped, in any process', async () => {
      const { topic, group } = fresh();
      const poison = testEnvelope('one');
      await stream.append(topic, [poison]);
      const tries: number[] = [];
      const failingUntil = (count: number, reached: () => void): ConsumeOptions => ({
        ...consuming(group, topic, async ([record]) => {
          tries.push(record?.tries ?? -1);
          if (tries.length >= count) reached();
          throw new Error('cannot apply this one');
        }),
        triesMax: 4,
      });
      const twice = Promise.withResolvers<void>();
      const first = await stream.consume(failingUntil(2, twice.resolve));
      await twice.promise;
      await first.stop();
      const before = tries.length;
      const fourTimes = Promise.withResolvers<void>();
      const second = await other.consume(failingUntil(4, fourTimes.resolve));
      await fourTimes.promise;
      await second.stop();
      expect(before).toBeLessThan(4);
      expect(tries).toEqual([0, 1, 2, 3]);
      expect((await stream.deadLetters(1))[0]?.envelope.id).toBe(poison.id);
    });

    it('does not count against a record that its database is away', async () => {
      const { topic, group } = fresh();
      await stream.append(topic, [testEnvelope('one')]);
      const collected = collector();
      let failures = 0;
      const consumer = await stream.consume({
        ...consuming(group, topic, async (records) => {
          failures += 1;
          if (failures <= 5) throw new SqlFault('unavailable', 'the server is starting');
          await collected.take(records);
        }),
        triesMax: 2,
      });
      await collected.reached(1);
      await consumer.stop();
      const dead = await stream.deadLetters(100);
      expect(dead.filter((letter) => letter.group === group)).toEqual([]);
    });

    it('gives a record again when the consumer died before its position was written', async () => {
      const { topic, group } = fresh();
      const doomed = await under.openMortal();
      const envelope = testEnvelope('one');
      await stream.append(topic, [envelope]);
      const first = collector();
      await doomed.consume(
        consuming(group, topic, async (records) => {
          await under.kill(doomed);
          await first.take(records);
        }),
      );
      await first.reached(1);
      const second = collector();
      const consumer = await stream.consume(consuming(group, topic, second.take));
      await second.reached(1);
      await consumer.stop();
      expect(idsOf(second.records)).toEqual([envelope.id]);
    });

    it('shares the partitions out among processes, and takes over those of a dead one', async () => {
      const { topic, group } = fresh();
      const doomed = await under.openMortal();
      const mine = collector();
      const theirs = collector();
      const consumer = await stream.consume(consuming(group, topic, mine.take));
      await doomed.consume(consuming(group, topic, theirs.take));
      let sent = 0;
      const sendOneOfEach = async () => {
        await other.append(
          topic,
          Array.from({ length: 40 }, (_, index) => testEnvelope(`subject-${index}`)),
        );
        sent += 40;
      };
      // Until the newcomer has its share; each round is handled by whoever holds the partition then.
      while (theirs.records.length === 0) {
        await sendOneOfEach();
        await Promise.race([theirs.reached(1), mine.reached(sent)]);
      }
      await under.kill(doomed);
      const lostPartitions = new Set(theirs.records.map((record) => record.partition));
      await sendOneOfEach();
      const allOf = new Set(Array.from({ length: sent }, (_, index) => index)).size;
      const handled = () => new Set([...idsOf(mine.records), ...idsOf(theirs.records)]).size;
      for (let count = mine.records.length; handled() < allOf; count = mine.records.length)
        await mine.reached(count + 1);
      const takenOver = mine.records.filter((record) => lostPartitions.has(record.partition));
      expect(takenOver.length).toBeGreaterThan(0);
      await consumer.stop();
    });

    it('gives a rewound group the identical sequence, and rewinds no group that runs', async () => {
      const { topic, group } = fresh();
      await stream.append(
        topic,
        Array.from({ length: 30 }, (_, index) => testEnvelope(`s${index % 7}`)),
      );
      const first = collector();
      const before = await stream.consume(consuming(group, topic, first.take));
      await first.reached(30);
      await expect(stream.rewind(group, [topic])).rejects.toThrow('running member');
      await expect(other.rewind(group, [topic])).rejects.toThrow('running member');
      await before.stop();
      await other.rewind(group, [topic]);
      expect(await stream.lag(group, [topic])).toBe(30n);
      const second = collector();
      const after = await stream.consume(consuming(group, topic, second.take));
      await second.reached(30);
      await after.stop();
      const sequence = (records: StreamRecord[]) =>
        Map.groupBy(
          records.map(({ partition, position, envelope }) => ({ partition, position, id: envelope.id })),
          (record) => record.partition,
        );
      expect(sequence(second.records)).toEqual(sequence(first.records));
    });

    it('rewinds to a time, so that only what was appended since comes again', async () => {
      const { topic, group } = fresh();
      const [before, since] = [testEnvelope('one'), testEnvelope('two')];
      await stream.append(topic, [before]);
      await nextMillisecond();
      const at = new Date();
      await stream.append(topic, [since]);
      const [first, again] = [collector(), collector()];
      const consumer = await stream.consume(consuming(group, topic, first.take));
      await first.reached(2);
      await consumer.stop();
      await other.rewind(group, [topic], at);
      expect(await other.lag(group, [topic])).toBe(1n);
      const second = await other.consume(consuming(group, topic, again.take));
      await again.reached(1);
      await second.stop();
      expect(idsOf(again.records)).toEqual([since.id]);
      await stream.rewind(group, [topic], new Date(Date.now() + 60_000));
      expect(await stream.lag(group, [topic])).toBe(0n);
    });

    it('finishes the batch under way when it is stopped', async () => {
      const { topic, group } = fresh();
      const entered = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      let finished = false;
      const consumer = await stream.consume(
        consuming(group, topic, async () => {
          entered.resolve();
          await goOn.promise;
          finished = true;
        }),
      );
      await stream.append(topic, [testEnvelope('one')]);
      await entered.promise;
      const stopped = consumer.stop();
      goOn.resolve();
      await stopped;
      expect(finished).toBe(true);
      expect(await other.lag(group, [topic])).toBe(0n);
    });

    it('lists the newest records of all topics first', async () => {
      const { topic } = fresh();
      const second = fresh().topic;
      const envelopes = [testEnvelope('a'), testEnvelope('b'), testEnvelope('c')];
      for (const [index, envelope] of envelopes.entries()) {
        await stream.append(index === 1 ? second : topic, [envelope]);
        // "Newest" is told to the millisecond.
        await nextMillisecond();
      }
      expect(idsOf(await stream.latest(3))).toEqual(envelopes.toReversed().map((envelope) => envelope.id));
      expect((await stream.latest(1_000)).length).toBeLessThanOrEqual(100);
      expect(await stream.ping()).toBeGreaterThanOrEqual(0);
    });
  });
}
