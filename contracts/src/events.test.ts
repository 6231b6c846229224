import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fromJson, isFieldSet, type JsonValue } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { events } from './events.ts';

const folder = path.join(path.dirname(import.meta.dirname), 'samples');

describe('event samples', () => {
  it('holds one sample for each event and no other', () => {
    const names = readdirSync(folder).map((name) => name.replace(/\.json$/, ''));
    expect(names.sort()).toEqual(events.map((event) => event.schema.typeName).sort());
  });

  it.each(events.map((event) => [event.schema.typeName, event] as const))(
    '%s has a sample with every field',
    (name, event) => {
      const sample = fromJson(
        event.schema,
        JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as JsonValue,
      );
      const unset = event.schema.fields.filter((field) => !isFieldSet(sample, field)).map((field) => field.name);
      expect(unset).toEqual([]);
      const key = event.schema.fields.find((field) => field.name === event.key);
      expect(key, `${name} has its key field ${event.key}`).toBeDefined();
    },
  );
});
