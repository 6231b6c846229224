/** Where an instructor is paid, and for tax who they are: what is well-formed, and how it is shown. No I/O. */
import type { FieldError } from '@suuupra/contracts/errors';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { Destination } from './bank.ts';
import type { TaxProfileFacts } from './withholding.ts';

export interface AccountRequest {
  readonly currency: string;
  readonly method: string;
  readonly holderName: string;
  readonly accountNumber: string;
  readonly ifsc: string;
  readonly vpa: string;
  readonly bic: string;
}

/** RBI: four letters of the bank, a zero, six characters of the branch. */
export const ifscForm = /^[A-Z]{4}0[A-Z0-9]{6}$/;
/** Indian banks give 9 to 18 digits. */
export const indianAccountForm = /^\d{9,18}$/;
/** NPCI UPI: 2 to 256 of these before the handle. */
const vpaForm = /^[A-Za-z0-9.\-_]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}$/;
/** ISO 9362. */
export const bicForm = /^[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$/;
/** What every bank's character set has (SEPA, EPC217-08); others refuse the file. */
export const holderForm = /^[A-Za-z0-9 .,'()/+-]{2,70}$/;

/** The account, when it is well-formed; else `payout_account_invalid` with the fields. Values are never in the answer. */
export function readAccount(request: AccountRequest): Destination | Refusal {
  const errors: FieldError[] = [];
  const check = (field: keyof AccountRequest, isGood: boolean, detail: string) => {
    if (!isGood) errors.push({ field, code: 'bad_format', detail });
  };
  const holder = request.holderName.trim();
  check('holderName', holderForm.test(holder), "Latin letters, digits and . , ' ( ) / + -, as at the bank");
  check('currency', /^[A-Z]{3}$/.test(request.currency), 'an ISO 4217 code, e.g. INR');
  const destination = destinationOf(request, holder, check);
  if (destination === undefined)
    errors.push({ field: 'method', code: 'not_allowed', detail: 'bank_in or upi for INR, iban for other currencies' });
  if (errors.length > 0 || destination === undefined)
    return refuse('payout_account_invalid', 'The payout account is not valid; see the fields.', errors);
  return destination;
}

function destinationOf(
  request: AccountRequest,
  holder: string,
  check: (field: keyof AccountRequest, isGood: boolean, detail: string) => void,
): Destination | undefined {
  const accountNumber = request.accountNumber.replaceAll(' ', '').toUpperCase();
  const isRupee = request.currency === 'INR';
  switch (request.method) {
    case 'bank_in':
      check('accountNumber', indianAccountForm.test(accountNumber), '9 to 18 digits');
      check('ifsc', ifscForm.test(request.ifsc), 'e.g. HDFC0000001');
      return isRupee ? { method: 'bank_in', holder, accountNumber, ifsc: request.ifsc } : undefined;
    case 'upi':
      check('vpa', vpaForm.test(request.vpa), 'e.g. name@bank');
      return isRupee ? { method: 'upi', holder, vpa: request.vpa } : undefined;
    case 'iban':
      check('accountNumber', isIban(accountNumber), 'an IBAN with right check digits');
      check('bic', bicForm.test(request.bic), '8 or 11 characters, e.g. DEUTDEFF');
      return isRupee ? undefined : { method: 'iban', holder, accountNumber, bic: request.bic };
    default:
      return undefined;
  }
}

/** ISO 13616 with the check of ISO 7064, mod 97-10. */
export function isIban(text: string): boolean {
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(text)) return false;
  const digits = [...`${text.slice(4)}${text.slice(0, 4)}`]
    .map((sign) => Number.parseInt(sign, 36).toString())
    .join('');
  return BigInt(digits) % 97n === 1n;
}

/** All but the last four signs of the number hidden; of a VPA the first two and the handle are left. */
export function maskedAccount(destination: Destination): string {
  switch (destination.method) {
    case 'bank_in':
      return `${destination.ifsc} ${maskedTail(destination.accountNumber)}`;
    case 'iban':
      return `${destination.accountNumber.slice(0, 2)} ${maskedTail(destination.accountNumber)}`;
    case 'upi': {
      const [name = '', handle = ''] = destination.vpa.split('@');
      return `${name.slice(0, 1)}•••@${handle}`;
    }
  }
}

export function maskedTail(text: string): string {
  return `•••• ${text.slice(-4)}`;
}

/** Income-tax Rules: five letters, of which the fourth says what the holder is, four digits, a letter. */
const panForm = /^[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]$/;
/** GST: state, the PAN, number of the registration, Z, a check sign. */
const gstinForm = /^\d{2}[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]$/;

const entities: Readonly<Record<string, TaxProfileFacts['entity']>> = {
  P: 'individual',
  H: 'huf',
  C: 'company',
  F: 'firm',
};

export interface TaxProfileRequest {
  readonly pan: string;
  readonly resident: boolean;
  readonly gstin: string;
}

export function readTaxProfile(request: TaxProfileRequest): { readonly entity: TaxProfileFacts['entity'] } | Refusal {
  const { pan, gstin } = request;
  const errors: FieldError[] = [];
  if (pan !== '' && !panForm.test(pan))
    errors.push({ field: 'pan', code: 'bad_format', detail: 'five letters, four digits, a letter' });
  if (gstin !== '' && !isGstin(gstin))
    errors.push({ field: 'gstin', code: 'bad_format', detail: '15 characters with a right check sign' });
  if (gstin !== '' && pan !== '' && gstin.slice(2, 12) !== pan)
    errors.push({ field: 'gstin', code: 'differs', detail: 'holds another PAN than the one given' });
  if (errors.length > 0) return refuse('tax_profile_invalid', 'The tax profile is not valid; see the fields.', errors);
  return { entity: pan === '' ? 'individual' : (entities[pan[3] ?? ''] ?? 'other') };
}

const gstinSigns = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The last sign checks the first fourteen: values times 1, 2, 1, 2 …, quotient and remainder by 36 added up. */
export function isGstin(text: string): boolean {
  if (!gstinForm.test(text)) return false;
  let sum = 0;
  for (const [index, sign] of [...text.slice(0, 14)].entries()) {
    const product = gstinSigns.indexOf(sign) * (index % 2 === 0 ? 1 : 2);
    sum += Math.floor(product / 36) + (product % 36);
  }
  return gstinSigns[(36 - (sum % 36)) % 36] === text[14];
}
