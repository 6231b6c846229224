/** Card numbers have no place on the platform: found in a text that a client sends, the text is refused unread and unlogged. */

/** Groups of digits with one separator between them, as people and forms write a number. */
const digitGroups = /\d+(?:[\s.\-_‐‑–—]\d+)*/g;
const digitsMin = 13;
const digitsMax = 19;

/**
 * True when the text holds what can be a card number: 13 to 19 digits, alone or as a sequence of groups, that pass the
 * Luhn check (ISO/IEC 7812-1). One random number in ten passes it, so this is for short free texts, not for identifiers.
 */
export function holdsCardNumber(text: string): boolean {
  return [...text.normalize('NFKC').matchAll(digitGroups)].some(([run]) => holdsNumber(run.split(/\D/)));
}

function holdsNumber(groups: readonly string[]): boolean {
  return groups.some((_, from) => {
    let digits = '';
    for (const group of groups.slice(from)) {
      digits += group;
      if (digits.length > digitsMax) return false;
      if (digits.length >= digitsMin && passesLuhn(digits)) return true;
    }
    return false;
  });
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
