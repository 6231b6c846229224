/** The sandbox's cards, by what they do. No card number is ever typed into, or sent to, this platform. */
import { Radio, RadioGroup } from '../ui/fields.tsx';
import { Icon } from '../ui/icons.tsx';

export interface SandboxMethod {
  readonly token: string;
  readonly name: string;
  readonly explains: string;
}

export const sandboxMethods: readonly SandboxMethod[] = [
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

/** What a payer's app can do; the words are those of the sandbox. */
const upiMethods: readonly SandboxMethod[] = [
  { token: 'tok_ok', name: 'Payer’s app', explains: 'You approve or reject in a simulated app of the payer.' },
];

interface ChoiceProps {
  type: 'card' | 'upi';
  token: string;
  onType: (type: 'card' | 'upi') => void;
  onToken: (token: string) => void;
}

export function MethodChoice({ type, token, onType, onToken }: ChoiceProps) {
  const chooseType = (value: string) => {
    onType(value === 'upi' ? 'upi' : 'card');
    onToken('tok_ok');
  };
  return (
    <div className="methods">
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
      {type === 'card' ? (
        <RadioGroup label="Test card" value={token} onChange={onToken}>
          {sandboxMethods.map((method) => (
            <Radio key={method.token} value={method.token} hint={method.explains}>
              {method.name}
            </Radio>
          ))}
        </RadioGroup>
      ) : (
        <p className="method-note">{upiMethods[0]?.explains}</p>
      )}
    </div>
  );
}
