import { randomBytes } from 'node:crypto';
import { streamContract, testCheck } from './stream.contract.ts';
import type { Stream } from './stream.ts';
import { type OtherProcess, openOtherProcess, openTestKafka } from './testing-kafka.ts';

streamContract('Apache Kafka', async () => {
  const topicPrefix = `t${randomBytes(4).toString('hex')}.`;
  const here: Stream[] = [];
  const elsewhere = new Map<Stream, OtherProcess>();
  const open = async (check = testCheck) => {
    const stream = await openTestKafka(check, topicPrefix);
    here.push(stream);
    return stream;
  };
  return {
    open: () => open(),
    openUnchecked: () => open(() => undefined),
    async openMortal() {
      const process = await openOtherProcess(topicPrefix);
      const stream = process.stream as Stream;
      elsewhere.set(stream, process);
      return stream;
    },
    kill: async (stream) => elsewhere.get(stream)?.kill(),
    async close() {
      for (const process of elsewhere.values()) await process.kill();
      for (const stream of here) await stream.close();
    },
  };
});
