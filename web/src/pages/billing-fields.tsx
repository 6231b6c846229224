import { useState } from 'react';
import type { BillingDetailsInput } from '../api/types.ts';
import { fieldError } from '../forms/form.tsx';
import { indianStates } from '../lib/indian-states.ts';
import { Checkbox, TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';

interface Props {
  value: BillingDetailsInput;
  onChange: (value: BillingDetailsInput) => void;
  error: unknown;
}

const states = [
  { value: '', label: 'Not given' },
  ...indianStates.map(([value, label]) => ({ value, label: `${label} (${value})` })),
];

/** Who the invoice is made out to: all of it optional, and out of the way until it is wanted. */
export function BillingFields({ value, onChange, error }: Props) {
  const [shown, setShown] = useState(false);
  const toggle = (on: boolean) => {
    setShown(on);
    if (!on) onChange({});
  };
  return (
    <>
      <Checkbox isSelected={shown} onChange={toggle}>
        Add billing details for the invoice
      </Checkbox>
      {shown && (
        <>
          <TextField
            label="Name on the invoice"
            value={value.name ?? ''}
            onChange={(name) => onChange({ ...value, name })}
            autoComplete="organization"
            maxLength={120}
            error={fieldError(error, 'billing.name')}
          />
          <TextField
            label="Address"
            rows={2}
            value={value.address ?? ''}
            onChange={(address) => onChange({ ...value, address })}
            autoComplete="street-address"
            maxLength={400}
            error={fieldError(error, 'billing.address')}
          />
          <Select
            label="State"
            value={value.stateCode ?? ''}
            options={states}
            onChange={(stateCode) => onChange({ ...value, stateCode })}
          />
          {fieldError(error, 'billing.stateCode') && (
            <p className="field-error" role="alert">
              {fieldError(error, 'billing.stateCode')}
            </p>
          )}
          <TextField
            label="GSTIN"
            value={value.gstin ?? ''}
            onChange={(gstin) => onChange({ ...value, gstin })}
            maxLength={15}
            hint="Of a business registered for GST; it needs the name and address too."
            error={fieldError(error, 'billing.gstin')}
          />
        </>
      )}
    </>
  );
}
