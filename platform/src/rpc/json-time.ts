/** google.protobuf.Timestamp as RFC 3339 text in UTC. */
import { create } from '@bufbuild/protobuf';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';

const format = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$/;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the range of the protobuf type. */
const secondsMin = -62_135_596_800;
const secondsMax = 253_402_300_799;

/** Undefined for what is no RFC 3339 time, or a day that no calendar has. */
export function readTime(text: string): Timestamp | undefined {
  const found = format.exec(text);
  if (found === null) return undefined;
  const [, day = '', time = '', fraction = '', zone = ''] = found;
  const milliseconds = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(milliseconds) || !isDay(day)) return undefined;
  const seconds = milliseconds / 1_000;
  if (seconds < secondsMin || seconds > secondsMax) return undefined;
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: Number(fraction.padEnd(9, '0')) });
}

/** With milliseconds, and with nanoseconds only where there are some. */
export function writeTime({ seconds, nanos }: { readonly seconds: bigint; readonly nanos: number }): string {
  const text = new Date(Number(seconds) * 1_000 + Math.trunc(nanos / 1_000_000)).toISOString();
  return nanos % 1_000_000 === 0 ? text : `${text.slice(0, -4)}${String(nanos).padStart(9, '0')}Z`;
}

/** Date.parse takes 2026-02-30 for the 2nd of March. */
function isDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}
