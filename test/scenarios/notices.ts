/** Who buys is told at once, over server-sent events, in the list and by mail; nobody else is. */
import assert from 'node:assert/strict';
import { type Client, eventually, pay, placeOrder, signUp, success } from '../client.ts';
import { courseAndBuyer, type Scenario } from './stage.ts';

interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export const notices: Scenario = async (stage) => {
  const { course, buyer } = await courseAndBuyer(stage, 'Told at once');
  const stranger = await signUp(stage.visitor, 'Ravi');
  const [mine, theirs] = await Promise.all([listen(buyer), listen(stranger)]);
  try {
    const order = await placeOrder(buyer, course.id);
    await pay(buyer, order.id, 'tok_ok');
    await eventually(
      'the receipt comes over the open stream',
      async () => mine.heard(),
      (text) => text.includes('"kind":"receipt"') && text.includes('"kind":"enrolment"'),
    );
    await eventually(
      'the receipt comes by mail',
      async () => success(await buyer.call<{ mails: Mail[] }>('GET', '/mailbox?pageSize=100'), 200, 'mailbox').mails,
      (mails) => mails.some(({ to, text }) => to === buyer.email && text.includes(order.number)),
    );
    assert(!theirs.heard().includes('receipt'), "a stranger hears nothing of another's purchase");
  } finally {
    mine.stop();
    theirs.stop();
  }
};

/** Opens the stream of notifications and collects what comes. */
async function listen({ baseUrl, token }: Client): Promise<{ heard(): string; stop(): void }> {
  const ending = new AbortController();
  const response = await fetch(`${baseUrl}/api/v1/notifications/stream`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
    signal: ending.signal,
  });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  let text = '';
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
  })();
  // It ends when it is stopped here.
  reading.catch(() => {});
  return { heard: () => text, stop: () => ending.abort() };
}
