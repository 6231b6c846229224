import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type AccountFields, payoutAccountsQuery, setPayoutAccount } from '../api/payouts.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';
import { toast } from '../ui/toast.tsx';

const methods = [
  { value: 'bank_in', label: 'Bank account in India (INR)' },
  { value: 'upi', label: 'UPI address (INR)' },
  { value: 'iban', label: 'IBAN (other currencies)' },
];

const fields = ['currency', 'method', 'holderName', 'accountNumber', 'ifsc', 'vpa', 'bic'];

/** What is typed here is sealed by the platform and never shown again but for its end. */
export function AccountForm({ onSaved }: { onSaved: () => void }) {
  const [method, setMethod] = useState('bank_in');
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: ({ currency, ...account }: AccountFields & { currency: string }) => setPayoutAccount(currency, account),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: payoutAccountsQuery.queryKey });
      toast('Saved. A changed account is paid after a cooling time.');
      onSaved();
    },
  });
  const submit = (values: Readonly<Record<string, string>>) => {
    const given = Object.fromEntries(
      Object.entries(values).filter(([name, value]) => fields.includes(name) && value.trim() !== ''),
    );
    const currency = method === 'iban' ? (given.currency ?? '').toUpperCase() : 'INR';
    save.mutate({ ...given, holderName: given.holderName ?? '', method, currency });
  };
  const error = (field: string) => fieldError(save.error, field);
  return (
    <Form label="Payout account" onSubmit={submit} error={save.error} fields={fields}>
      <Select label="Kind of account" value={method} options={methods} onChange={setMethod} />
      {error('method') && <p className="field-error">{error('method')}</p>}
      <TextField
        label="Name of the holder, as at the bank"
        name="holderName"
        maxLength={70}
        isRequired
        error={error('holderName')}
      />
      {method === 'upi' && (
        <TextField label="UPI address" name="vpa" autoComplete="off" isRequired error={error('vpa')} />
      )}
      {method === 'bank_in' && (
        <div className="field-row">
          <TextField
            label="Account number"
            name="accountNumber"
            autoComplete="off"
            inputMode="numeric"
            isRequired
            error={error('accountNumber')}
          />
          <TextField label="IFSC" name="ifsc" autoComplete="off" maxLength={11} isRequired error={error('ifsc')} />
        </div>
      )}
      {method === 'iban' && (
        <div className="field-row">
          <TextField
            label="Currency"
            name="currency"
            maxLength={3}
            isRequired
            error={error('currency')}
            hint="As EUR"
          />
          <TextField label="IBAN" name="accountNumber" autoComplete="off" isRequired error={error('accountNumber')} />
          <TextField label="BIC" name="bic" autoComplete="off" maxLength={11} isRequired error={error('bic')} />
        </div>
      )}
      <div>
        <Button type="submit" look="primary" isPending={save.isPending}>
          Save the account
        </Button>
      </div>
    </Form>
  );
}
