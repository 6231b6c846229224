import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { requestTransfer, reverseTransfer } from '../api/payout-banks.ts';
import { recentSettlementsQuery } from '../api/settlement.ts';
import type { InstructorTransfer } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { decimalText, parseAmount } from '../lib/money.ts';
import { usePeople, usePerson } from '../lib/use-person.ts';
import { Money } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';
import { useAct } from './finance-desk.tsx';
import { PersonName } from './person-name.tsx';

const wrongAmountWords = 'Give an amount of this currency, above zero.';

/** Instructors are chosen from those settled with lately, or given by their ids. */
export function AskTransferDialog({ onClose }: { onClose: () => void }) {
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [wrong, setWrong] = useState<{ amount?: boolean; people?: boolean }>({});
  const ask = useAct(requestTransfer, 'The transfer waits for a second person.', onClose);
  const errorOf = (field: string) => fieldError(ask.error, field);
  const submit = (values: Readonly<Record<string, string>>) => {
    const currency = (values.currency ?? '').trim().toUpperCase();
    const minor = parseAmount(values.amount ?? '', currency);
    const amount = minor === undefined || minor <= 0n;
    const people = from === '' || to === '';
    setWrong({ amount, people });
    if (amount || people) return;
    const reason = (values.reason ?? '').trim();
    ask.mutate({ fromInstructorId: from, toInstructorId: to, currency, amountMinor: minor.toString(), reason });
  };
  const missing = (id: string) => (wrong.people && id === '' ? 'Choose an instructor.' : undefined);
  return (
    <Dialog title="Ask for a transfer" isOpen onClose={onClose} busy={ask.isPending}>
      <Form label="Ask for a transfer" onSubmit={submit} error={ask.error} fields={transferFields}>
        <p>Nothing moves before somebody else of finance approves it.</p>
        <InstructorField label="From" setId={setFrom} error={missing(from) ?? errorOf('fromInstructorId')} />
        <InstructorField label="To" setId={setTo} error={missing(to) ?? errorOf('toInstructorId')} />
        <TextField label="Currency" name="currency" defaultValue="INR" maxLength={3} error={errorOf('currency')} />
        <TextField
          label="Amount"
          name="amount"
          inputMode="decimal"
          onChange={() => setWrong((before) => ({ ...before, amount: false }))}
          error={wrong.amount ? wrongAmountWords : errorOf('amountMinor')}
        />
        <TextField
          label="Why"
          name="reason"
          maxLength={200}
          hint="Both of them read it on their statements."
          error={errorOf('reason')}
        />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={ask.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={ask.isPending}>
            Ask for it
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

const transferFields = ['fromInstructorId', 'toInstructorId', 'currency', 'amountMinor', 'reason'] as const;
const byId = 'by-id';

interface InstructorProps {
  label: string;
  /** Gives '' while what is typed is nobody's id. */
  setId: (id: string) => void;
  error: string | undefined;
}

function InstructorField({ label, setId, error }: InstructorProps) {
  const [chosen, setChosen] = useState('');
  const { data } = useInfiniteQuery(recentSettlementsQuery);
  const ids = new Set(data?.pages.flatMap((page) => page.batches.map((batch) => batch.instructorId)));
  const people = usePeople([...ids]);
  const choose = (value: string) => {
    setChosen(value);
    setId(value === byId ? '' : value);
  };
  const options = [
    ...people.map((person) => ({
      value: person.id,
      label: person.email ? `${person.displayName}, ${person.email}` : person.displayName,
    })),
    { value: byId, label: 'Somebody else, by their id' },
  ];
  return (
    <div className="field">
      <Select label={label} value={chosen} onChange={choose} options={options} />
      {chosen === byId && <TypedId label={`Id of the instructor (${label.toLowerCase()})`} setId={setId} />}
      {error && <span className="field-error">{error}</span>}
    </div>
  );
}

/** Who types an id is asked about once they pause. */
const pauseMs = 300;

/** An id that is nobody's would owe money to nobody: it is taken only once its person is known. */
function TypedId({ label, setId }: Pick<InstructorProps, 'label' | 'setId'>) {
  const [typed, setTyped] = useState('');
  const [asked, setAsked] = useState('');
  const wanted = typed.trim();
  useEffect(() => {
    const timer = setTimeout(() => setAsked(wanted), pauseMs);
    return () => clearTimeout(timer);
  }, [wanted]);
  const { person, isAsking } = usePerson(asked);
  const isAnswered = wanted !== '' && wanted === asked && !isAsking;
  const known = isAnswered ? (person?.id ?? '') : '';
  useEffect(() => setId(known), [known, setId]);
  const hint = known && person ? `This is ${person.displayName}.` : undefined;
  const error = isAnswered && !person ? 'Nobody has this id.' : undefined;
  return <TextField label={label} value={typed} onChange={setTyped} maxLength={100} hint={hint} error={error} />;
}

/** A part of it, or all that is left; the platform knows what went back already. */
export function ReverseDialog({ transfer, onClose }: { transfer: InstructorTransfer; onClose: () => void }) {
  const [isWrong, setWrong] = useState(false);
  const currency = transfer.amount?.currency ?? '';
  const reverse = useAct(
    (asked: { amountMinor: string; reason: string }) => reverseTransfer(transfer.id, asked),
    'The reversal waits for a second person.',
    onClose,
  );
  const submit = (values: Readonly<Record<string, string>>) => {
    const minor = parseAmount(values.amount ?? '', currency);
    const wrong = minor === undefined || minor <= 0n;
    setWrong(wrong);
    if (!wrong) reverse.mutate({ amountMinor: minor.toString(), reason: (values.reason ?? '').trim() });
  };
  return (
    <Dialog title="Reverse this transfer" isOpen onClose={onClose} busy={reverse.isPending}>
      <Form label="Reverse this transfer" onSubmit={submit} error={reverse.error} fields={['amountMinor', 'reason']}>
        <p>
          <Money value={transfer.amount} /> went from <PersonName id={transfer.fromInstructorId} /> to{' '}
          <PersonName id={transfer.toInstructorId} />. What goes back, all reversals together, is at most that; somebody
          else of finance approves it.
        </p>
        <TextField
          label={`Amount in ${currency}`}
          name="amount"
          inputMode="decimal"
          defaultValue={decimalText(BigInt(transfer.amount?.amountMinor ?? '0'), currency)}
          onChange={() => setWrong(false)}
          error={isWrong ? wrongAmountWords : fieldError(reverse.error, 'amountMinor')}
        />
        <TextField
          label="Why"
          name="reason"
          maxLength={200}
          hint="Both of them read it on their statements."
          error={fieldError(reverse.error, 'reason')}
        />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={reverse.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={reverse.isPending}>
            Ask for the reversal
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
