/** What the JSON reader, the JSON writer and the API document agree on: names, words, rules. */
import { create, type DescEnum, type DescField, type DescMessage, getOption, hasOption } from '@bufbuild/protobuf';
import {
  type FieldRules,
  FieldRulesSchema,
  field as fieldOption,
  string_shorthand as shorthandOption,
} from '@suuupra/contracts/gen/suuupra/options/v1/options_pb.ts';

/** Text without a declared limit is cut off here: longer than any id, page token or code. */
export const charsMaxDefault = 4_096;
/** Lists and maps without a declared limit. */
export const itemsMaxDefault = 1_000;

export const timestampType = 'google.protobuf.Timestamp';

const noRules = create(FieldRulesSchema);

export function rulesOfField(field: DescField): FieldRules {
  return hasOption(field, fieldOption) ? getOption(field, fieldOption) : noRules;
}

/** The field that a bare string stands for, where the message allows it. */
export function shorthandOf(message: DescMessage): DescField | undefined {
  const name = hasOption(message, shorthandOption) ? getOption(message, shorthandOption) : '';
  if (name === '') return undefined;
  const field = message.fields.find((each) => each.name === name);
  if (field === undefined) throw new Error(`${message.typeName}: string_shorthand names no field: "${name}".`);
  return field;
}

export interface EnumWords {
  /** `awaiting_payment` for 1; the zero value has no word. */
  readonly wordOf: ReadonlyMap<number, string>;
  readonly numberOf: ReadonlyMap<string, number>;
}

/** The lower_snake words of an enum, without the prefix that its values share. */
export function wordsOf(schema: DescEnum): EnumWords {
  const prefix = `${schema.name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase()}_`;
  const named = schema.values.filter((value) => value.number !== 0);
  const odd = schema.values.find((value) => !value.name.startsWith(prefix));
  if (odd !== undefined) throw new Error(`${schema.typeName}: the value ${odd.name} does not start with ${prefix}.`);
  const words = named.map((value) => [value.number, value.name.slice(prefix.length).toLowerCase()] as const);
  return { wordOf: new Map(words), numberOf: new Map(words.map(([number, word]) => [word, number])) };
}

/** The JSON face knows no oneof, no groups and no well-known types but Timestamp. */
export function requireJsonable(message: DescMessage): void {
  const oneof = message.members.find((member) => member.kind === 'oneof');
  if (oneof !== undefined) throw new Error(`${message.typeName}: oneof ${oneof.name} has no JSON form here.`);
  if (message.typeName.startsWith('google.')) throw new Error(`${message.typeName} has no JSON form here.`);
}
