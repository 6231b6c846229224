/** What our ids tell an adapter whose provider shows a new payment only after a while. Pure. */

const base32 = '0123456789abcdefghjkmnpqrstvwxyz';
const timeCharacters = 10;

/** When an id of ours was made (platform/src/world.ts): it begins with its time. One that does not is taken for new. */
export function madeAtMs(id: string): number {
  const characters = [...(id.split('_')[1] ?? '').slice(0, timeCharacters)].map((character) =>
    base32.indexOf(character),
  );
  if (characters.length < timeCharacters || characters.includes(-1)) return Number.POSITIVE_INFINITY;
  return characters.reduce((sum, value) => sum * 32 + value, 0);
}
