/** Ids and places in lists as they come from outside. Pure. */
import type { Place } from './store.ts';

/** The form of every id of ours. What else comes in a path is no id, and asks the database nothing. */
export function isId(text: string): boolean {
  return /^[a-z0-9_]{1,64}$/.test(text);
}

/** The place that a page token of (time, id) stands for. */
export function placeOf([time, id]: readonly string[]): Place | undefined {
  return time === undefined || id === undefined ? undefined : { atMs: Date.parse(time), id };
}
