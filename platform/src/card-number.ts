/** Card numbers have no place on the platform: found in a text that a client sends, the text is refused unread and unlogged. */

/** 13 to 19 digits, with or without separators. */
const candidates = /(?<!\d)\d(?:[ .\-_]?\d){12,18}(?!\d)/g;

/** True when the text holds what can be a card number: 13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1). */
export function holdsCardNumber(text: string): boolean {
  const latin = text.normalize('NFKC');
  return [...latin.matchAll(candidates)].some(([found]) => passesLuhn(found.replaceAll(/\D/g, '')));
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
