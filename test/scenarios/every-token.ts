/** Every method token of the sandbox comes to its documented end, whatever it answers first. */
import assert from 'node:assert/strict';
import {
  accessTo,
  confirm,
  entriesOf,
  eventually,
  getOrder,
  getPayment,
  type Payment,
  pay,
  placeOrder,
} from '../client.ts';
import { courseAndBuyer, type Scenario, type Stage } from './stage.ts';

interface TokenStory {
  readonly token: string;
  readonly type: 'card' | 'upi';
  /** Statuses the first answer may have. */
  readonly first: readonly Payment['status'][];
  readonly challengeResponse?: 'approve' | 'reject';
  readonly end: 'succeeded' | 'failed';
  /** The journals of the order in the end, by kind. */
  readonly journals: readonly string[];
}

const paid = { end: 'succeeded', journals: ['order_paid'] } as const;
const unpaid = { end: 'failed', journals: [] } as const;

/** The table of the API document ("Routes that acceptance drives", its last paragraph). */
export const tokenStories: readonly TokenStory[] = [
  { token: 'tok_ok', type: 'card', first: ['succeeded'], ...paid },
  { token: 'tok_declined', type: 'card', first: ['failed'], ...unpaid },
  { token: 'tok_insufficient_funds', type: 'card', first: ['failed'], ...unpaid },
  { token: 'tok_requires_3ds', type: 'card', first: ['requires_action'], challengeResponse: 'approve', ...paid },
  { token: 'tok_requires_3ds', type: 'card', first: ['requires_action'], challengeResponse: 'reject', ...unpaid },
  { token: 'tok_processing', type: 'card', first: ['processing'], ...paid },
  { token: 'tok_timeout_then_succeeded', type: 'card', first: ['unknown'], ...paid },
  { token: 'tok_timeout_then_failed', type: 'card', first: ['unknown'], ...unpaid },
  { token: 'tok_duplicate_webhooks', type: 'card', first: ['processing', 'succeeded'], ...paid },
  {
    token: 'tok_chargeback',
    type: 'card',
    first: ['succeeded'],
    end: 'succeeded',
    journals: ['dispute_opened', 'order_paid'],
  },
];

export const everyToken: Scenario = async (stage) => {
  await Promise.all(tokenStories.map((story) => play(stage, story)));
};

async function play(stage: Stage, story: TokenStory): Promise<void> {
  const name = `${story.token} ${story.challengeResponse ?? ''}`.trim();
  const { course, buyer } = await courseAndBuyer(stage, `Paid with ${name.replaceAll('_', ' ')}`);
  const order = await placeOrder(buyer, course.id);
  const first = await pay(buyer, order.id, story.token, story.type);
  assert(story.first.includes(first.status), `${name} answers ${first.status} first`);
  if (story.challengeResponse !== undefined) await confirm(buyer, first.id, story.challengeResponse);
  await eventually(
    `${name} is ${story.end}`,
    () => getPayment(buyer, first.id),
    ({ status }) => status === story.end,
  );
  const orderEnd = story.end === 'succeeded' ? 'paid' : 'awaiting_payment';
  await eventually(
    `the order of ${name} is ${orderEnd}`,
    () => getOrder(buyer, order.id),
    ({ status }) => status === orderEnd,
  );
  await eventually(
    `access by ${name}`,
    () => accessTo(buyer, course.id),
    ({ entitled }) => entitled === (story.end === 'succeeded'),
  );
  await eventually(
    `the journals of ${name} are [${story.journals}]`,
    async () => (await entriesOf(stage.finance, order.id)).map(({ kind }) => kind).sort(),
    (kinds) => kinds.join() === story.journals.join(),
  );
}
