/**
 * The partition of a subject: FNV-1a, 32 bit (draft-eastlake-fnv), modulo the number of partitions. Stable over processes,
 * versions and adapters. Another hash or another number would part a subject's history and lose its order.
 */
export function partitionOfSubject(subject: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(subject, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % partitions;
}
