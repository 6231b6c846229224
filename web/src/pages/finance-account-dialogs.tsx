import { useState } from 'react';
import { type AccountAct, type AccountName, changeAccount } from '../api/ledger-desk.ts';
import type { Account } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { type Limits, limitText, readLimits } from '../lib/account-limits.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { ActDialog, Minor, useAct } from './finance-desk.tsx';

const reasonCharsMax = 300;

interface Words {
  readonly button: string;
  readonly title: string;
  readonly effect: string;
  readonly said: string;
  readonly isDangerous?: boolean;
}

const words: Readonly<Record<Exclude<AccountAct, 'limit'>, Words>> = {
  open: {
    button: 'Reopen',
    title: 'Reopen this account',
    effect: 'Journals can move it again from now on. Its history and its limits stay.',
    said: 'The account is open again.',
  },
  freeze: {
    button: 'Freeze',
    title: 'Freeze this account',
    effect: 'Every journal that would move it is refused, until somebody thaws it. What it holds stays.',
    said: 'The account is frozen.',
    isDangerous: true,
  },
  thaw: {
    button: 'Thaw',
    title: 'Let this account move again',
    effect: 'Journals can move it again from now on. What was refused meanwhile is not booked by itself.',
    said: 'The account moves again.',
  },
  close: {
    button: 'Close',
    title: 'Close this account',
    effect: 'Only an account that stands at zero, with nothing held, can be closed. It can be reopened later.',
    said: 'The account is closed.',
    isDangerous: true,
  },
};

/** What can be done with an account as it stands. */
export function AccountActions({ account }: { account: Account }) {
  const [doing, setDoing] = useState<AccountAct>();
  const end = () => setDoing(undefined);
  return (
    <div className="button-row">
      {actsOf(account).map((act) => (
        <Button key={act} small onPress={() => setDoing(act)}>
          {act === 'limit' ? 'Limits' : words[act].button}
        </Button>
      ))}
      {doing === 'limit' && <LimitDialog account={account} onClose={end} />}
      {doing !== undefined && doing !== 'limit' && <ChangeDialog account={account} act={doing} onClose={end} />}
    </div>
  );
}

function actsOf({ status }: Account): readonly AccountAct[] {
  if (status === 'closed') return ['open'];
  return status === 'frozen' ? ['thaw', 'limit'] : ['limit', 'freeze', 'close'];
}

interface ChangeProps {
  account: Account;
  act: Exclude<AccountAct, 'limit'>;
  onClose: () => void;
}

function ChangeDialog({ account, act, onClose }: ChangeProps) {
  const { button, title, effect, said, isDangerous } = words[act];
  return (
    <ActDialog
      title={title}
      note={{
        label: 'Why',
        field: 'reason',
        charsMax: reasonCharsMax,
        hint: 'It stays in the book, with your name and the time.',
      }}
      confirm={button}
      look={isDangerous ? 'danger' : 'primary'}
      act={(reason) => changeAccount(account, act, reason)}
      said={said}
      onClose={onClose}
    >
      <Named account={account} />
      <p>{effect}</p>
    </ActDialog>
  );
}

function Named({ account }: { account: Account }) {
  return (
    <p>
      <strong>{account.name}</strong> <code>{account.code}</code>, in {account.currency}, stands at{' '}
      <Minor currency={account.currency} minor={account.balanceMinor} />.
    </p>
  );
}

interface LimitsGiven {
  readonly limits: Limits;
  readonly reason: string;
}

function LimitDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { currency } = account;
  const [wrong, setWrong] = useState<{ min?: string | undefined; max?: string | undefined; reason?: string }>({});
  const set = useAct(
    ({ limits, reason }: LimitsGiven) => changeAccount(account, 'limit', reason, limits),
    'The limits are set.',
    onClose,
  );
  const submit = (values: Readonly<Record<string, string>>) => {
    const read = readLimits(values.min ?? '', values.max ?? '', currency);
    const reason = values.reason?.trim() ?? '';
    setWrong({ ...('wrong' in read && read.wrong), ...(reason === '' && { reason: 'Fill this in.' }) });
    if ('limits' in read && reason !== '') set.mutate({ limits: read.limits, reason });
  };
  return (
    <Dialog title="Limits of this account" isOpen onClose={onClose} busy={set.isPending}>
      <Form
        label="Limits of this account"
        onSubmit={submit}
        error={set.error}
        fields={['balanceMinMinor', 'balanceMaxMinor', 'reason']}
      >
        <Named account={account} />
        <p>A journal that would bring the balance beyond a limit is refused whole. What is held counts as moved.</p>
        <div className="field-row">
          <TextField
            label={`Not below, in ${currency}`}
            name="min"
            defaultValue={limitText(account.balanceMinMinor, currency)}
            hint="Empty: no limit."
            error={wrong.min ?? fieldError(set.error, 'balanceMinMinor')}
          />
          <TextField
            label={`Not above, in ${currency}`}
            name="max"
            defaultValue={limitText(account.balanceMaxMinor, currency)}
            hint="Empty: no limit."
            error={wrong.max ?? fieldError(set.error, 'balanceMaxMinor')}
          />
        </div>
        <TextField
          label="Why"
          name="reason"
          maxLength={reasonCharsMax}
          hint="It stays in the book, with your name and the time."
          error={wrong.reason ?? fieldError(set.error, 'reason')}
        />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={set.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={set.isPending}>
            Set the limits
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

const openFields = ['code', 'currency', 'reason'] as const;

/** Opens an account of the chart before anything moved it, so that it can be limited or watched. */
export function OpenAccountDialog({
  onClose,
  onOpened,
}: {
  onClose: () => void;
  onOpened: (name: AccountName) => void;
}) {
  const [missing, setMissing] = useState<ReadonlySet<string>>(new Set());
  const open = useAct(
    (given: AccountName & { reason: string }) => changeAccount(given, 'open', given.reason),
    'The account is open.',
    ({ account }) => onOpened(account),
  );
  const submit = (values: Readonly<Record<string, string>>) => {
    const text = (name: string) => values[name]?.trim() ?? '';
    const empty = openFields.filter((field) => text(field) === '');
    setMissing(new Set(empty));
    if (empty.length === 0)
      open.mutate({ code: text('code'), currency: text('currency').toUpperCase(), reason: text('reason') });
  };
  const errorOf = (field: (typeof openFields)[number]) =>
    missing.has(field) ? 'Fill this in.' : fieldError(open.error, field);
  return (
    <Dialog title="Open an account" isOpen onClose={onClose} busy={open.isPending}>
      <Form label="Open an account" onSubmit={submit} error={open.error} fields={['currency', 'reason']}>
        <p>Journals open the accounts they need by themselves. Open one here to limit or watch it before that.</p>
        <div className="field-row">
          <TextField label="Code" name="code" maxLength={100} hint="Of the chart, e.g. 1000." error={errorOf('code')} />
          <TextField
            label="Currency"
            name="currency"
            defaultValue="INR"
            maxLength={3}
            hint="Three letters, e.g. USD."
            error={errorOf('currency')}
          />
        </div>
        <TextField label="Why" name="reason" maxLength={reasonCharsMax} error={errorOf('reason')} />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={open.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={open.isPending}>
            Open the account
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
