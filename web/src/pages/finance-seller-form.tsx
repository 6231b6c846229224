import { useState } from 'react';
import { setSeller } from '../api/seller.ts';
import type { SacRule, Seller, SellerInput } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { Notice } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';
import { Part, useAct } from './finance-desk.tsx';

export const soldWords: Readonly<Record<string, string>> = {
  course: 'Courses',
  gift: 'Gifts',
  seats: 'Seats for teams',
  cohort: 'Cohorts',
  subscription: 'Subscriptions',
};

const kinds = Object.keys(soldWords);
const sacsMax = 50;

/** A rule that is being typed; `key` is its identity on this page alone. */
interface SacDraft extends SacRule {
  readonly key: number;
}

export function SellerForm({ seller, onEnd }: { seller: Seller; onEnd: () => void }) {
  const [prices, setPrices] = useState(seller.prices);
  const [rounding, setRounding] = useState(seller.rounding);
  const [sacs, setSacs] = useState<readonly SacDraft[]>(() => seller.sacs.map((rule, key) => ({ ...rule, key })));
  const save = useAct(setSeller, 'The seller is set.', onEnd);
  const errorOf = (field: string) => fieldError(save.error, `seller.${field}`);
  const submit = (values: Readonly<Record<string, string>>) =>
    save.mutate({ ...read(values), prices, rounding, sacs: sacs.map(({ key: _, ...rule }) => rule) });
  const fields = ['legalName', 'address', 'gstin', 'series', ...sacs.flatMap((_, at) => sacFields(at))];
  return (
    <div className="panel panel-form">
      <Form label="Seller" onSubmit={submit} error={save.error} fields={fields.map((field) => `seller.${field}`)}>
        <Notice title="From now on">
          <p>
            It is for what is placed and issued after this. Orders and invoices that exist keep what they were made
            with.
          </p>
        </Notice>
        <Identity seller={seller} errorOf={errorOf} />
        <Part title="Tax">
          <RadioGroup label="Prices" value={prices} onChange={setPrices}>
            <Radio value="inclusive">Prices hold the tax</Radio>
            <Radio value="exclusive">Tax comes on top of prices</Radio>
          </RadioGroup>
          <RadioGroup label="Rounding" value={rounding} onChange={setRounding}>
            <Radio value="line">The tax of each line is rounded</Radio>
            <Radio value="order">The sum is rounded, and the lines add up to it</Radio>
          </RadioGroup>
        </Part>
        <Sacs sacs={sacs} setSacs={setSacs} errorOf={errorOf} />
        <div className="button-row">
          <Button type="submit" look="primary" isPending={save.isPending}>
            Set the seller
          </Button>
          <Button onPress={onEnd} isDisabled={save.isPending}>
            Leave it as it is
          </Button>
        </div>
      </Form>
    </div>
  );
}

const sacFields = (at: number) => [`sacs[${at}].kind`, `sacs[${at}].sac`, `sacs[${at}].fromDay`];

function read(values: Readonly<Record<string, string>>): SellerInput {
  const text = (name: string) => values[name]?.trim() ?? '';
  return {
    legalName: text('legalName'),
    address: text('address'),
    gstin: text('gstin').toUpperCase(),
    series: text('series').toUpperCase(),
  };
}

type ErrorOf = (field: string) => string | undefined;

function Identity({ seller, errorOf }: { seller: Seller; errorOf: ErrorOf }) {
  return (
    <Part title="Registered as">
      <TextField
        label="Legal name"
        name="legalName"
        maxLength={120}
        defaultValue={seller.legalName}
        error={errorOf('legalName')}
      />
      <TextField
        label="Address"
        name="address"
        rows={4}
        maxLength={400}
        defaultValue={seller.address}
        error={errorOf('address')}
      />
      <div className="field-row">
        <TextField
          label="GSTIN"
          name="gstin"
          maxLength={15}
          defaultValue={seller.gstin}
          hint="15 characters; the first two are the state."
          error={errorOf('gstin')}
        />
        <TextField
          label="Series of invoices"
          name="series"
          maxLength={2}
          defaultValue={seller.series}
          hint="One or two letters; credit notes have a C after them. A new series begins at 1."
          error={errorOf('series')}
        />
      </div>
    </Part>
  );
}

interface SacsProps {
  sacs: readonly SacDraft[];
  setSacs: (sacs: readonly SacDraft[]) => void;
  errorOf: ErrorOf;
}

function Sacs({ sacs, setSacs, errorOf }: SacsProps) {
  const change = (key: number, part: Partial<SacRule>) =>
    setSacs(sacs.map((one) => (one.key === key ? { ...one, ...part } : one)));
  const add = () =>
    setSacs([...sacs, { key: 1 + Math.max(-1, ...sacs.map((one) => one.key)), kind: 'course', sac: '', fromDay: '' }]);
  return (
    <Part title="Service Accounting Codes">
      <p className="list-note">
        The code that began last by the day of the invoice, in India, is used. Where none applies: 999293, other
        education and training services.
      </p>
      {sacs.map(({ key, kind, sac, fromDay }, at) => (
        <fieldset key={key} className="choices">
          <legend className="visually-hidden">Code {at + 1}</legend>
          <div className="field-row">
            <Select
              label="What is sold"
              value={kind}
              options={kinds.map((value) => ({ value, label: soldWords[value] ?? value }))}
              onChange={(value) => change(key, { kind: value })}
            />
            <TextField
              label="Code"
              value={sac}
              onChange={(value) => change(key, { sac: value.trim() })}
              inputMode="numeric"
              maxLength={6}
              hint="Six digits that begin with 99."
              error={errorOf(`sacs[${at}].sac`)}
            />
            <TextField
              label="From the day"
              type="date"
              value={fromDay}
              onChange={(value) => change(key, { fromDay: value })}
              error={errorOf(`sacs[${at}].fromDay`)}
            />
          </div>
          <div className="button-row">
            <Button
              small
              look="quiet"
              aria-label={`Remove this code, no. ${at + 1}`}
              onPress={() => setSacs(sacs.filter((one) => one.key !== key))}
            >
              Remove this code
            </Button>
          </div>
        </fieldset>
      ))}
      <div className="button-row">
        <Button small isDisabled={sacs.length >= sacsMax} onPress={add}>
          Add a code
        </Button>
      </div>
    </Part>
  );
}
