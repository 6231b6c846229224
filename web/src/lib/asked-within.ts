/** A list that the platform gives newest first, narrowed here to the time that a person looks for. Pure. */

interface Dated {
  readonly createdAt?: string;
}

/** Both RFC 3339, or absent: without an end on that side. */
export interface Span {
  readonly from?: string | undefined;
  /** Not counted in. */
  readonly until?: string | undefined;
}

export function isWithin({ createdAt }: Dated, { from, until }: Span): boolean {
  const atMs = Date.parse(createdAt ?? '');
  return (from === undefined || atMs >= Date.parse(from)) && (until === undefined || atMs < Date.parse(until));
}

/** The last of these is from before the time: nothing further back is within it. */
export function reachesBefore(rows: readonly Dated[], from: string | undefined): boolean {
  const oldest = rows.at(-1)?.createdAt;
  return from !== undefined && oldest !== undefined && Date.parse(oldest) < Date.parse(from);
}
