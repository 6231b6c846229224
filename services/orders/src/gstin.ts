/**
 * The number under which a business is registered for GST, and the states of India by their GST code.
 *
 * Source: CGST Rules 2017, rule 10 (structure: state, PAN, entity, check character); the check character is the Luhn
 * mod 36 one that the GST portal uses.
 */

/** GST state codes; 97 is "other territory". 25 and 28 are of states that were merged or split and are no longer given. */
export const stateNames: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '01': 'Jammu and Kashmir',
    '02': 'Himachal Pradesh',
    '03': 'Punjab',
    '04': 'Chandigarh',
    '05': 'Uttarakhand',
    '06': 'Haryana',
    '07': 'Delhi',
    '08': 'Rajasthan',
    '09': 'Uttar Pradesh',
    '10': 'Bihar',
    '11': 'Sikkim',
    '12': 'Arunachal Pradesh',
    '13': 'Nagaland',
    '14': 'Manipur',
    '15': 'Mizoram',
    '16': 'Tripura',
    '17': 'Meghalaya',
    '18': 'Assam',
    '19': 'West Bengal',
    '20': 'Jharkhand',
    '21': 'Odisha',
    '22': 'Chhattisgarh',
    '23': 'Madhya Pradesh',
    '24': 'Gujarat',
    '26': 'Dadra and Nagar Haveli and Daman and Diu',
    '27': 'Maharashtra',
    '29': 'Karnataka',
    '30': 'Goa',
    '31': 'Lakshadweep',
    '32': 'Kerala',
    '33': 'Tamil Nadu',
    '34': 'Puducherry',
    '35': 'Andaman and Nicobar Islands',
    '36': 'Telangana',
    '37': 'Andhra Pradesh',
    '38': 'Ladakh',
    '97': 'Other Territory',
  }),
);

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Two digits of the state, a PAN (five letters, four digits, a letter), the entity, Z, the check character. */
const form = /^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$/;

export function isGstin(text: string): boolean {
  return form.test(text) && stateNames.has(text.slice(0, 2)) && checkCharacter(text.slice(0, 14)) === text[14];
}

/** The check character of the first 14: each by its place times 1, 2, 1, 2, …, the two digits in base 36 added up. */
export function checkCharacter(first14: string): string {
  let sum = 0;
  for (const [index, character] of [...first14].entries()) {
    const product = alphabet.indexOf(character) * (index % 2 === 0 ? 1 : 2);
    sum += Math.floor(product / 36) + (product % 36);
  }
  return alphabet[(36 - (sum % 36)) % 36] ?? '';
}
