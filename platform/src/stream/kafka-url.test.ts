import { describe, expect, it } from 'vitest';
import { ConfigError } from '../config.ts';
import { parseKafkaUrl } from './kafka-url.ts';

describe('the address of a Kafka cluster', () => {
  it('names brokers, and how topics are made', () => {
    expect(parseKafkaUrl('kafka://k1:9092,k2:9092?replication=3&partitions=16')).toEqual({
      brokers: ['k1:9092', 'k2:9092'],
      replication: 3,
      partitions: 16,
    });
    expect(parseKafkaUrl('kafka://[::1]:9092')).toEqual({ brokers: ['[::1]:9092'] });
  });

  it('names an account and TLS', () => {
    expect(parseKafkaUrl('kafkas://school:p%40ss@k1:9093?mechanism=SCRAM-SHA-256')).toEqual({
      brokers: ['k1:9093'],
      security: { tls: {}, sasl: { mechanism: 'SCRAM-SHA-256', username: 'school', password: 'p@ss' } },
    });
  });

  it.each([
    ['k1:9092', 'is not of the form kafka://host:port'],
    ['kafka://k1', 'is not of the form kafka://host:port'],
    ['kafka://', 'is not of the form kafka://host:port'],
    ['kafka://k1:9092?replicas=3', 'has "replicas"; it may have replication, partitions, mechanism, ca.'],
    ['kafka://k1:9092?replication=0', 'has replication=0; it must be a whole number from 1 to 15.'],
    ['kafka://k1:9092?ca=/x', 'names a ca without TLS; begin it with kafkas://.'],
    ['kafkas://k1:9092?ca=/nowhere/x', 'names the ca /nowhere/x, which cannot be read.'],
    ['kafkas://u:p@k1:9092?mechanism=OAUTH', 'has the mechanism "OAUTH"; it may be PLAIN'],
  ])('refuses %s with a sentence', (url, sentence) => {
    expect(() => parseKafkaUrl(url)).toThrow(ConfigError);
    expect(() => parseKafkaUrl(url)).toThrow(`SUUUPRA_KAFKA_URL ${sentence}`);
  });
});
