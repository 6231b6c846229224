import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type RefundAsked, requestRefund } from '../api/orders.ts';
import type { Money as MoneyJson, Order } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { decimalText, formatMoney, subtract } from '../lib/money.ts';
import { leftOfLine, openLines, type RefundDraft, type RefundMeant, refundMeant } from '../lib/refund-draft.ts';
import { Money } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Checkbox, Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import { toast } from '../ui/toast.tsx';

/** Paid, something of it left, and (for the buyer) the window open. The server decides in the end. */
export function isRefundable(order: Order, now = Date.now()): boolean {
  if (order.status !== 'paid' && order.status !== 'partially_refunded') return false;
  if (BigInt(leftOf(order).amountMinor) <= 0n) return false;
  return order.refundableUntil === undefined || new Date(order.refundableUntil).getTime() > now;
}

/** What has been paid and not been given back. */
export function leftOf(order: Order): MoneyJson {
  return subtract(order.total ?? { currency: 'INR', amountMinor: '0' }, order.refunded);
}

const reasons: readonly [string, string][] = [
  ['requested_by_customer', 'I do not want it any more'],
  ['bought_by_mistake', 'I bought it by mistake'],
  ['not_as_described', 'It is not what was described'],
];

interface RefundDialogProps {
  order: Order;
  onClose: () => void;
  /** Finance may give back a part, at any time. */
  staff?: boolean;
  /** What finance is asked to begin with; absent, or more than is left: all that is left. */
  amountMinor?: string | undefined;
}

export function RefundDialog({ order, onClose, staff = false, amountMinor }: RefundDialogProps) {
  const left = leftOf(order);
  const [reason, setReason] = useState(reasons[0]?.[0] ?? '');
  const [draft, setDraft] = useState(() => firstDraft(left, amountMinor));
  const client = useQueryClient();
  const meant = refundMeant(order, left, draft);
  const amount = { currency: left.currency, amountMinor: (meant?.amountMinor ?? 0n).toString() };
  const refund = useMutation({
    mutationFn: (asked: RefundAsked) => requestRefund(order.id, asked),
    onSuccess: async () => {
      toast('The refund is on its way.');
      for (const key of ['order', 'orders', 'entries', 'access', 'enrolments', 'lesson', 'finance'])
        await client.invalidateQueries({ queryKey: [key] });
      onClose();
    },
  });
  return (
    <Dialog title="Refund this order" isOpen onClose={onClose} busy={refund.isPending}>
      <Form
        label="Refund"
        onSubmit={() => meant && refund.mutate({ reason, ...meant.asked })}
        error={refund.error}
        fields={['reason', 'amount', 'amount.amountMinor']}
      >
        <RefundEffects meant={meant} amount={amount} />
        {staff && <WhatToRefund order={order} draft={draft} setDraft={setDraft} meant={meant} error={refund.error} />}
        <RadioGroup label="Why" value={reason} onChange={setReason}>
          {reasons.map(([value, words]) => (
            <Radio key={value} value={value}>
              {staff ? words.replace('I do not', 'The buyer does not').replace('I bought it', 'Bought') : words}
            </Radio>
          ))}
        </RadioGroup>
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={refund.isPending}>
            Keep the order
          </Button>
          <Button type="submit" look="danger" isPending={refund.isPending}>
            Refund {formatMoney(amount)}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function firstDraft(left: MoneyJson, amountMinor: string | undefined): RefundDraft {
  const leftMinor = BigInt(left.amountMinor);
  const asked = BigInt(amountMinor ?? left.amountMinor);
  return { by: 'amount', amount: decimalText(asked < leftMinor ? asked : leftMinor, left.currency), lineIds: [] };
}

interface WhatProps {
  order: Order;
  draft: RefundDraft;
  setDraft: (draft: RefundDraft) => void;
  meant: RefundMeant | undefined;
  error: unknown;
}

/** Finance gives back any part of the amount, or, of an order of several, what is left of some of them. */
function WhatToRefund({ order, draft, setDraft, meant, error }: WhatProps) {
  const left = leftOf(order);
  const lines = openLines(order, left.currency);
  const toggle = (id: string, on: boolean) =>
    setDraft({ ...draft, lineIds: [...draft.lineIds.filter((one) => one !== id), ...(on ? [id] : [])] });
  return (
    <>
      {lines.length > 1 && (
        <RadioGroup
          label="What"
          value={draft.by}
          onChange={(by) => setDraft({ ...draft, by: by === 'lines' ? by : 'amount' })}
        >
          <Radio value="amount">An amount, spread over the order</Radio>
          <Radio value="lines">Some of the courses, whole</Radio>
        </RadioGroup>
      )}
      {draft.by === 'lines' ? (
        <fieldset className="choices">
          <legend className="field-label">Courses</legend>
          {lines.map((line) => (
            <Checkbox key={line.id} isSelected={draft.lineIds.includes(line.id)} onChange={(on) => toggle(line.id, on)}>
              <span>
                {line.title}, <Money value={leftOfLine(line, left.currency)} />
              </span>
            </Checkbox>
          ))}
          {meant === undefined && <p className="field-hint">Choose what is given back.</p>}
        </fieldset>
      ) : (
        <TextField
          label={`Amount in ${left.currency}`}
          value={draft.amount}
          onChange={(amount) => setDraft({ ...draft, amount })}
          inputMode="decimal"
          error={
            (meant === undefined ? `Give an amount up to ${formatMoney(left)}.` : undefined) ??
            fieldError(error, 'amount.amountMinor') ??
            fieldError(error, 'amount')
          }
          hint={`${formatMoney(left)} is left to refund.`}
        />
      )}
    </>
  );
}

function RefundEffects({ meant, amount }: { meant: RefundMeant | undefined; amount: MoneyJson }) {
  const ends = meant?.ends ?? [];
  return (
    <div className="effects">
      <p>This is what will happen:</p>
      <ul>
        <li>
          <Money value={amount} /> goes back the way it was paid.
        </li>
        <li>
          {ends.length > 0
            ? `Access to ${ends.join(', ')} ends as soon as the refund succeeds.`
            : 'Access to the courses stays unless a whole course is refunded.'}
        </li>
        {ends.length > 0 && <li>Progress is kept, and is there again if the course is bought again.</li>}
        {!meant?.isWhole && <li>What is left can be refunded later.</li>}
        <li>It cannot be taken back.</li>
      </ul>
    </div>
  );
}
