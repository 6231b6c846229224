/** Waiting times that grow: 0.5 s, then half as long again each time, at most 8 s. Used wherever a page polls. */
export const pollAttemptsMax = 40;

export function backOffMs(attempt: number): number {
  return Math.min(8_000, Math.round(500 * 1.5 ** attempt));
}
