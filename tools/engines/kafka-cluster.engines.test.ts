/** Kafka as it should be run: three brokers, three copies, one of them killed under load; and a broker over TLS. */
import { randomBytes } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { ConfigError } from '@suuupra/platform/config';
import { parseKafkaUrl } from '@suuupra/platform/stream/kafka-url';
import { collector, testCheck, testEnvelope } from '@suuupra/platform/stream/stream.contract';
import { openTestKafka } from '@suuupra/platform/stream/testing-kafka';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { RunningEngine } from './engine.ts';
import { type KafkaCluster, startKafka, startKafkaCluster } from './kafka.ts';
import { type ServerCertificate, serverCertificate } from './server-certificate.ts';

const types = new Set(['test.v1.Happened']);
const prefix = () => `c${randomBytes(4).toString('hex')}.`;

async function streamOn(url: string, topicPrefix = prefix()) {
  const stream = await openTestKafka(testCheck, topicPrefix, { ...parseKafkaUrl(url), appendMsMax: 20_000 });
  onTestFinished(() => stream.close());
  return stream;
}

describe('a cluster of three brokers', () => {
  let cluster: KafkaCluster;
  beforeAll(async () => {
    const started = await startKafkaCluster({ mayInstall: false, durable: false });
    if (typeof started === 'string') throw new Error(started);
    cluster = started;
  }, 180_000);
  afterAll(() => cluster?.stop(), 60_000);

  it('keeps each topic in three copies', async () => {
    const topicPrefix = prefix();
    const stream = await streamOn(cluster.url, topicPrefix);
    await stream.append('copied', [testEnvelope('one')]);
    const { brokers } = parseKafkaUrl(cluster.url);
    const admin = new Admin({ clientId: 'copies', bootstrapBrokers: [...brokers] });
    onTestFinished(() => admin.close());
    const name = `${topicPrefix}copied`;
    const { topics } = await admin.metadata({ topics: [name] });
    const partitions = [...Object.values(topics.get(name)?.partitions ?? {})];
    expect(partitions.map(({ replicas }) => replicas.length)).toEqual(Array(8).fill(3));
  });

  it('loses nothing that it acknowledged when a broker is killed under load, and readers go on', async () => {
    const topicPrefix = prefix();
    const [writer, reader] = [await streamOn(cluster.url, topicPrefix), await streamOn(cluster.url, topicPrefix)];
    const taken = collector();
    const member = await reader.consume({ group: 'readers', topics: ['load'], types, handle: taken.take });
    const acknowledged: string[] = [];
    const state = { ended: false, refused: 0 };
    const write = async (name: string) => {
      while (!state.ended) {
        const envelopes = Array.from({ length: 5 }, (_, index) => testEnvelope(`${name}-${index}`));
        await writer.append('load', envelopes).then(
          () => acknowledged.push(...envelopes.map(({ id }) => id)),
          () => {
            state.refused += 1;
          },
        );
      }
    };
    const writing = Promise.all(['a', 'b', 'c'].map(write));
    const grownBy = async (count: number) => {
      const least = acknowledged.length + count;
      await vi.waitUntil(() => acknowledged.length >= least, { timeout: 40_000, interval: 20 });
    };
    await grownBy(100);
    await cluster.nodes[0]?.crash();
    await grownBy(300);
    state.ended = true;
    await writing;
    const unread = () => {
      // What was refused may be there too.
      const read = new Set(taken.records.map(({ envelope }) => envelope.id));
      return acknowledged.filter((id) => !read.has(id));
    };
    await expect.poll(unread, { timeout: 60_000, interval: 50 }).toEqual([]);
    await member.stop();
    await cluster.nodes[0]?.restart();
  });
});

describe('a broker over TLS', () => {
  let certificate: ServerCertificate;
  let broker: RunningEngine;
  beforeAll(async () => {
    certificate = await serverCertificate('kafka');
    const started = await startKafka({ mayInstall: false, durable: false, tls: certificate });
    if (typeof started === 'string') throw new Error(started);
    broker = started;
  }, 120_000);
  afterAll(async () => {
    await broker?.stop();
    certificate?.remove();
  });

  it('is written to and read from when its authority is named', async () => {
    const stream = await streamOn(`${broker.url}?ca=${certificate.authorityFile}`);
    const taken = collector();
    const member = await stream.consume({ group: 'tls', topics: ['tls'], types, handle: taken.take });
    await stream.append('tls', [testEnvelope('sealed')]);
    await taken.reached(1);
    await member.stop();
  });

  it('is refused with a sentence when somebody else signed its certificate', async () => {
    for (const url of [broker.url, `${broker.url}?ca=${certificate.strangerFile}`]) {
      const opening = streamOn(url);
      await expect(opening).rejects.toThrow(ConfigError);
      await expect(opening).rejects.toThrow(/^Kafka at 127\.0\.0\.1:\d+ cannot be used: .*certificate/i);
    }
  });
});
