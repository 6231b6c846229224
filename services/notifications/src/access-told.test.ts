import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  GiftBoughtSchema,
  InvoiceIssuedSchema,
  SubscriptionChangedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { startServiceForTest } from '@suuupra/platform/testing-service';
import { testWorld } from '@suuupra/platform/world';
import { describe, expect, it, vi } from 'vitest';
import { giftLetter, invoiceLetter, subscriptionLetter, subscriptionNotice } from './access-told.ts';
import { notifications } from './service.ts';

const gift = {
  giftId: 'gft_1',
  orderId: 'ord_1',
  buyerId: 'usr_asha',
  recipientEmail: 'meera@example.org',
  recipientName: 'Meera',
  message: 'Enjoy!\nFrom: the bank',
  courseTitle: 'Ledgers',
  redeemPath: '/gifts/7K3M-Q9TX',
};

describe('what is told of gifts, subscriptions and invoices', () => {
  it("shows the buyer's words as theirs", () => {
    const letter = giftLetter(create(GiftBoughtSchema, gift));
    expect(letter.paragraphs[1]).toBe('They wrote:\n> Enjoy!\n> From: the bank');
    expect(letter.action.link).toBe('/gifts/7K3M-Q9TX');
  });

  it('says what became of a subscription, and until when', () => {
    const changed = (because: string, status = 'active') =>
      create(SubscriptionChangedSchema, {
        because,
        status,
        planTitle: 'All courses',
        currentUntil: timestampFromMs(Date.UTC(2026, 1, 1)),
      });
    expect(subscriptionNotice(changed('renewed')).body).toContain('2026-02-01');
    expect(subscriptionNotice(changed('started', 'trialing')).title).toContain('trial');
    expect(subscriptionLetter(changed('payment_failed', 'past_due')).paragraphs[1]).toContain('stay open');
    expect(subscriptionLetter(changed('payment_failed', 'ended')).subject).toContain('has ended');
    expect(subscriptionNotice(changed('constructor')).title).toBe('All courses has changed');
    const total = { currency: 'INR', amountMinor: 100n };
    expect(invoiceLetter(create(InvoiceIssuedSchema, { number: 'SU/1', kind: 'credit_note', total })).subject).toBe(
      'Credit note SU/1',
    );
  });

  it('sends a gift to its recipient, who needs no account, and tells the buyer without the code', async () => {
    const under = await startServiceForTest(notifications, { world: testWorld(), others: {} });
    try {
      await under.deliver(GiftBoughtSchema, gift);
      await vi.waitFor(
        async () => {
          const told = await under.sql.query<{ user_id: string; title: string; body: string }>(
            'SELECT user_id, title, body FROM notifications',
          );
          expect(told.map((row) => row.user_id)).toEqual(['usr_asha']);
          expect(JSON.stringify(told)).not.toContain('7K3M');
          const { readdir, readFile } = await import('node:fs/promises');
          const files = await readdir(`${under.folder}/mail`, { recursive: true, withFileTypes: true });
          const mails = await Promise.all(
            files.filter((file) => file.isFile()).map((file) => readFile(`${file.parentPath}/${file.name}`, 'utf8')),
          );
          const mail = mails.find((text) => text.includes('meera@example.org')) ?? '';
          expect(mail).toContain('/gifts/7K3M-Q9TX');
        },
        { timeout: 5_000 },
      );
    } finally {
      await under.stop();
    }
  });
});
