/**
 * Parts of letters, digits, `_`, `-` and inner `.`, with `/` between them, 200 characters in all: no part can begin with
 * a dot, so none can climb out of its place or hide in it.
 */
const idPattern = /^(?=.{1,200}$)[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** The id as one name without a slash; no two ids share one, as no id has a "+". Throws RangeError when it is no id. */
export function nameOfId(id: string): string {
  if (!idPattern.test(id)) throw new RangeError(`"${id.slice(0, 250)}" cannot name an object`);
  return id.replaceAll('/', '+');
}

/** Throws RangeError when it is no range. Both ends are included. */
export function assertRange(range: { readonly start: number; readonly end: number } | undefined): void {
  if (range !== undefined && !(range.start >= 0 && range.start <= range.end)) {
    throw new RangeError(`bytes ${range.start} to ${range.end} are no range`);
  }
}
