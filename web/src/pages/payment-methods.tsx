/** The sandbox's cards, by what they do. No card number is ever typed into, or sent to, this platform. */
import { Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import { Icon } from '../ui/icons.tsx';

interface SandboxMethod {
  readonly token: string;
  readonly name: string;
  readonly explains: string;
}

const cardMethods: readonly SandboxMethod[] = [
  { token: 'tok_ok', name: 'Pays at once', explains: 'The payment succeeds straight away.' },
  { token: 'tok_declined', name: 'Declined', explains: 'The bank says no. The order stays open for another try.' },
  { token: 'tok_insufficient_funds', name: 'Not enough money', explains: 'The bank says the account is too low.' },
  {
    token: 'tok_requires_3ds',
    name: 'Asks you to approve',
    explains: 'The bank wants 3-D Secure: you approve or reject on its page.',
  },
  {
    token: 'tok_processing',
    name: 'Takes a moment',
    explains: 'The bank thinks about it and says yes about a second later.',
  },
  {
    token: 'tok_timeout_then_succeeded',
    name: 'Answer lost, paid',
    explains: 'The bank’s answer is lost. Asking again finds that it was paid.',
  },
  {
    token: 'tok_timeout_then_failed',
    name: 'Answer lost, not paid',
    explains: 'The bank’s answer is lost. Asking again finds that it failed.',
  },
  {
    token: 'tok_duplicate_webhooks',
    name: 'Says it many times',
    explains: 'The bank reports the success several times; it counts once.',
  },
  {
    token: 'tok_chargeback',
    name: 'Disputed later',
    explains: 'Succeeds, and is disputed by the card holder afterwards.',
  },
];

/** With UPI the payer's app decides; these are what it can be made to do. */
const upiMethods: readonly SandboxMethod[] = [
  { token: 'tok_requires_3ds', name: 'You decide', explains: 'You approve or reject in a simulated app of the payer.' },
  { token: 'tok_ok', name: 'Approves by itself', explains: 'The payer’s app approves about a second later.' },
  {
    token: 'tok_declined',
    name: 'Declined',
    explains: 'The payer’s bank says no. The order stays open for another try.',
  },
];

/** Addresses of the sandbox, by what their owner does when asked. */
const addresses: readonly [string, string][] = [
  ['success@sandbox', 'approves'],
  ['failure@sandbox', 'declines'],
  ['nobody@sandbox', 'does not exist'],
];

export interface ChosenMethod {
  readonly type: 'card' | 'upi';
  readonly token: string;
  /** The token is the UPI address of a payer who is asked in their app. */
  readonly byAddress?: boolean;
}

const firstOf = { card: 'tok_ok', upi: 'tok_requires_3ds' } as const;

interface ChoiceProps {
  chosen: ChosenMethod;
  /** UPI moves rupees only. */
  currency: string;
  onChoose: (method: ChosenMethod) => void;
}

export function MethodChoice({ chosen, currency, onChoose }: ChoiceProps) {
  const { type } = chosen;
  const byAddress = type === 'upi' && chosen.byAddress === true;
  const chooseType = (value: string) => {
    const next = value === 'upi' ? 'upi' : 'card';
    onChoose({ type: next, token: firstOf[next] });
  };
  return (
    <div className="methods">
      {currency === 'INR' && (
        <RadioGroup label="Way to pay" value={type} onChange={chooseType} orientation="horizontal">
          <Radio value="card">
            <span className="method-name">
              <Icon name="card" /> Card
            </span>
          </Radio>
          <Radio value="upi">
            <span className="method-name">
              <Icon name="upi" /> UPI
            </span>
          </Radio>
        </RadioGroup>
      )}
      <RadioGroup
        label={type === 'card' ? 'Test card' : 'What the payer’s app does'}
        value={byAddress ? 'address' : chosen.token}
        onChange={(token) =>
          onChoose(token === 'address' ? { type, token: 'success@sandbox', byAddress: true } : { type, token })
        }
      >
        {(type === 'card' ? cardMethods : upiMethods).map((method) => (
          <Radio key={method.token} value={method.token} hint={method.explains}>
            {method.name}
          </Radio>
        ))}
        {type === 'upi' && (
          <Radio value="address" hint="Your UPI app asks you by itself; nothing is to be scanned.">
            Ask by UPI address
          </Radio>
        )}
      </RadioGroup>
      {byAddress && (
        <TextField
          label="UPI address"
          value={chosen.token}
          onChange={(token) => onChoose({ type, token, byAddress: true })}
          autoComplete="off"
          inputMode="email"
          hint={`Of the sandbox: ${addresses.map(([name, does]) => `${name} ${does}`).join(', ')}.`}
        />
      )}
    </div>
  );
}
