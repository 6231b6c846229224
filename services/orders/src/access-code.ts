/**
 * Codes that open something for whoever holds them: gifts and join links. 130 random bits, so that nobody guesses one,
 * and only their hash is stored, so that nobody reads one in a database. A fast hash will do: there is nothing to try.
 */
import { createHash } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const characters = 26;
const groupOf = 4;
/** Random bytes that `codeFrom` wants. */
export const codeBytes = 17;

/** `7K3M-Q9TX-…`: Crockford base 32, in groups that can be typed from paper. */
export function codeFrom(random: Uint8Array): string {
  let bits = BigInt(`0x${Buffer.from(random).toString('hex')}`);
  let text = '';
  for (let i = 0; i < characters; i += 1) {
    text = alphabet[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return text.replace(new RegExp(`.{${groupOf}}(?=.)`, 'g'), '$&-');
}

/** The same for every way to write a code: hyphens, spaces and case do not matter, O is 0, I and L are 1. */
export function codeHash(code: string): Buffer {
  const plain = code.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
  return createHash('sha256').update(`suuupra-code ${plain}`).digest();
}
