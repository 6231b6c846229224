import { signWebhook } from '@suuupra/platform/http/webhook-signature';
import { realWorld } from '@suuupra/platform/world';
import { expect, it } from 'vitest';
import { providerContract } from './provider.contract.ts';
import { openBench, sandboxTable, secrets, statusWord } from './testing.ts';

providerContract(async () => {
  const bench = await openBench();
  return {
    provider: bench.sandbox,
    tokens: {
      succeeds: 'tok_ok',
      fails: 'tok_declined',
      asksForAction: 'tok_requires_3ds',
      declinesRaise: 'tok_increment_declined',
    },
    responses: { good: 'approve', bad: 'reject' },
    sign: (eventId, body) => signWebhook([secrets[0]], eventId, Date.now(), body),
    newId: realWorld().id,
    dispute: async ({ attemptId }) => {
      await bench.sql.execute(`UPDATE ${sandboxTable('payments')} SET disputes_at = created_at
        WHERE merchant_reference = '${attemptId}'`);
      await bench.sandbox.round();
      const [row] = await bench.sql.query<{ reference: string }>(
        `SELECT reference FROM ${sandboxTable('disputes')} WHERE payment_reference = '${attemptId}'`,
      );
      return { attemptId, disputeReference: row?.reference ?? '', stage: 'dispute' };
    },
    winningEvidence: 'winning_evidence',
  };
});

it('goes on after a restart where it was, and delivers until it is acknowledged', async () => {
  const first = await openBench();
  await first.pay('ord_1', 'tok_processing');
  await first.close();
  const second = await openBench({ databaseUrl: first.databaseUrl, aheadMs: 2_000 });
  const waiting = () => second.sql.query(`SELECT 1 FROM ${sandboxTable('deliveries')}`);
  // While our inbox is away nothing is acknowledged.
  await second.sql.execute('ALTER TABLE webhook_inbox RENAME TO away');
  for (let round = 0; round < 3; round += 1) {
    await second.sandbox.round();
    second.advance(60_000);
    expect(await waiting()).toHaveLength(1);
  }
  await second.sql.execute('ALTER TABLE away RENAME TO webhook_inbox');
  await second.settle();
  expect(await waiting()).toEqual([]);
  expect(second.sent).toHaveLength(4);
  const [attempt] = await second.sql.query<{ id: string }>('SELECT id FROM attempts');
  expect(statusWord((await second.payment(attempt?.id ?? '')).status)).toBe('succeeded');
  await second.close();
});
