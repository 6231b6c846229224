import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { describe, expect, it } from 'vitest';
import { type AccountRequest, isGstin, isIban, maskedAccount, readAccount, readTaxProfile } from './payout-account.ts';

const empty: AccountRequest = {
  currency: 'INR',
  method: 'bank_in',
  holderName: 'Asha Rao',
  accountNumber: '',
  ifsc: '',
  vpa: '',
  bic: '',
};
const good = { ...empty, accountNumber: '1234 5678 9012', ifsc: 'HDFC0000001' };

describe('a payout account', () => {
  it.each([
    ['an Indian account', good, 'HDFC0000001 •••• 9012'],
    ['a VPA', { ...empty, method: 'upi', vpa: 'asha.rao@okbank' }, 'a•••@okbank'],
    [
      'an IBAN',
      { ...empty, method: 'iban', currency: 'EUR', accountNumber: 'de89 3704 0044 0532 0130 00', bic: 'COBADEFF' },
      'DE •••• 3000',
    ],
  ])('takes %s and shows it masked', (_, request, masked) => {
    const read = readAccount(request);
    if (isRefusal(read)) throw new Error(read.detail);
    expect(maskedAccount(read)).toBe(masked);
  });

  it.each([
    ['a short number', { ...good, accountNumber: '12345678' }, 'accountNumber'],
    ['an IFSC without its zero', { ...good, ifsc: 'HDFC1000001' }, 'ifsc'],
    ['a VPA without a handle', { ...empty, method: 'upi', vpa: 'asha' }, 'vpa'],
    [
      'an IBAN with a wrong digit',
      { ...empty, method: 'iban', currency: 'EUR', accountNumber: 'DE89370400440532013001', bic: 'COBADEFF' },
      'accountNumber',
    ],
    ['a holder who is markup', { ...good, holderName: '<b>' }, 'holderName'],
    ['a rupee account for dollars', { ...good, currency: 'USD' }, 'method'],
    ['an unknown method', { ...good, method: 'cash' }, 'method'],
  ])('refuses %s and names the field without its value', (_, request, field) => {
    const refused = readAccount(request);
    if (!isRefusal(refused)) throw new Error('taken');
    expect(refused.code).toBe('payout_account_invalid');
    expect(refused.errors.map((error) => error.field)).toContain(field);
    expect(JSON.stringify(refused)).not.toContain('12345678');
  });

  it('checks IBANs of other lengths', () => {
    expect(isIban('GB82WEST12345698765432')).toBe(true);
    expect(isIban('GB28WEST12345698765432')).toBe(false);
  });
});

describe('a tax profile', () => {
  it.each([
    ['', '', 'individual'],
    ['ABCPE1234F', '', 'individual'],
    ['ABCHE1234F', '', 'huf'],
    ['AAPFU0939F', '27AAPFU0939F1ZV', 'firm'],
  ])('reads who the PAN %s is of', (pan, gstin, entity) => {
    expect(readTaxProfile({ pan, gstin, resident: true })).toEqual({ entity });
  });

  it.each([
    ['ABC1E1234F', '', 'pan'],
    ['', '27AAPFU0939F1ZW', 'gstin'],
    ['ABCPE1234F', '27AAPFU0939F1ZV', 'gstin'],
  ])('refuses the PAN %s with the GSTIN %s', (pan, gstin, field) => {
    const refused = readTaxProfile({ pan, gstin, resident: true });
    expect(isRefusal(refused) && refused.errors.map((error) => error.field)).toEqual([field]);
  });

  it('checks the last sign of a GSTIN', () => {
    expect(isGstin('27AAPFU0939F1ZV')).toBe(true);
    expect(isGstin('27AAPFU0939F1ZA')).toBe(false);
  });
});
