/** A bank that takes files: what is well-formed. No I/O. */
import type { FieldError } from '@suuupra/contracts/errors';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { bicForm, holderForm, ifscForm, indianAccountForm, isIban } from './payout-account.ts';

export interface PayoutBankRequest {
  readonly legalEntity: string;
  readonly currency: string;
  readonly name: string;
  readonly debtorName: string;
  readonly accountNumber: string;
  readonly bankCode: string;
}

/** Who pays, as the files say it. The account is personal to the company: sealed at rest, shown masked. */
export interface Payer {
  readonly debtorName: string;
  readonly account: { readonly kind: 'iban' | 'other'; readonly number: string };
  readonly agent: { readonly kind: 'bic' | 'ifsc'; readonly code: string };
}

/** The payer, when all of it is well-formed; else `payout_bank_invalid` with the fields. */
export function readPayer(request: PayoutBankRequest): Payer | Refusal {
  const errors: FieldError[] = [];
  const check = (field: keyof PayoutBankRequest, isGood: boolean, detail: string) => {
    if (!isGood) errors.push({ field, code: 'bad_format', detail });
  };
  const { currency, bankCode } = request;
  const number = request.accountNumber.replaceAll(' ', '').toUpperCase();
  check('legalEntity', /^[a-z0-9-]{2,40}$/.test(request.legalEntity), 'small letters, digits and -');
  check('currency', /^[A-Z]{3}$/.test(currency), 'an ISO 4217 code, e.g. INR');
  check('name', /^[\p{L}\p{N} .&'-]{2,70}$/u.test(request.name) && request.name !== 'sandbox', 'the name of the bank');
  check('debtorName', holderForm.test(request.debtorName), "Latin letters, digits and . , ' ( ) / + -, as at the bank");
  const isIndian = currency === 'INR';
  if (isIndian) check('accountNumber', indianAccountForm.test(number), '9 to 18 digits');
  else check('accountNumber', isIban(number), 'an IBAN with right check digits');
  if (isIndian) check('bankCode', ifscForm.test(bankCode), 'an IFSC, e.g. HDFC0000001');
  else check('bankCode', bicForm.test(bankCode), 'a BIC of 8 or 11 characters, e.g. DEUTDEFF');
  if (errors.length > 0) return refuse('payout_bank_invalid', 'The bank is not valid; see the fields.', errors);
  return {
    debtorName: request.debtorName,
    account: { kind: isIndian ? 'other' : 'iban', number },
    agent: { kind: isIndian ? 'ifsc' : 'bic', code: bankCode },
  };
}
