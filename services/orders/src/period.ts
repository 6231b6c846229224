/**
 * When a subscription's periods begin: counted from its first day and never from the period before, so that what began
 * on the 31st is due on the 28th of February and on the 31st of March again. Days and months are those of the plan's
 * time zone; a local time that its clock skips is taken as far later as the clock jumps, one that it shows twice is the
 * first (RFC 5545, and Temporal's disambiguation `compatible`).
 */

export interface Interval {
  readonly unit: 'month' | 'year';
  readonly count: number;
}

export interface Calendar {
  /** Milliseconds since the epoch: when the first paid period begins. */
  readonly anchorMs: number;
  readonly interval: Interval;
  /** IANA name, e.g. Asia/Kolkata; UTC knows no summer time. */
  readonly timeZone: string;
}

/** The first instant of period `index`, from 0; also the end of the one before. */
export function periodStartMs({ anchorMs, interval, timeZone }: Calendar, index: number): number {
  const count = interval.count * index;
  const length = interval.unit === 'year' ? { years: count } : { months: count };
  return zoned(anchorMs, timeZone).add(length, { overflow: 'constrain' }).epochMilliseconds;
}

/** The period that an instant lies in; 0 before the first. */
export function periodIndexAt(calendar: Calendar, atMs: number): number {
  const { anchorMs, interval, timeZone } = calendar;
  if (atMs <= anchorMs) return 0;
  const { months } = zoned(anchorMs, timeZone).until(zoned(atMs, timeZone), { largestUnit: 'month' });
  const monthsOfPeriod = interval.count * (interval.unit === 'year' ? 12 : 1);
  // Months that are shorter than the first day's number make the difference one month too small or too large.
  let index = Math.max(0, Math.floor(months / monthsOfPeriod) - 1);
  while (periodStartMs(calendar, index + 1) <= atMs) index += 1;
  return index;
}

/** So many days later at the same local time. */
export function addDaysMs(atMs: number, days: number, timeZone: string): number {
  return zoned(atMs, timeZone).add({ days }).epochMilliseconds;
}

export function isTimeZone(name: string): boolean {
  try {
    zoned(0, name);
    // An offset is a zone for Temporal, yet no clock that people live by.
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}

function zoned(atMs: number, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timeZone);
}
