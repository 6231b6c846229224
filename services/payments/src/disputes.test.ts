import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Dispute, decideDispute } from './dispute.ts';
import { acceptDispute, challengeDispute, listDisputes } from './disputes.ts';
import type { DisputeFacts } from './provider.ts';
import { type Bench, minorSum, openBench, sandboxTable } from './testing.ts';

async function disputed(own: Bench, orderId: string, token = 'tok_chargeback') {
  await own.pay(orderId, token);
  own.advance(3_000);
  await own.settle();
  const answer = await listDisputes(own.surroundings, { orderId, status: 0, pageSize: 0, pageToken: '' } as never);
  if (isRefusal(answer)) throw new Error(answer.code);
  return answer.disputes[0]?.id ?? '';
}

const evidence = (id: string, text: string) => ({ id, evidence: text }) as never;

it('M18, P6: a dispute lives from its opening to each of its ends', async () => {
  const own = await openBench();
  const won = await disputed(own, 'ord_won');
  expect(await own.refund('rfd_won_0', 'ord_won', 1n)).toBe('refund_exceeds_captured');
  const challenged = await challengeDispute(own.surroundings, evidence(won, 'winning_evidence: it was watched'));
  expect(isRefusal(challenged)).toBe(false);
  expect(await acceptDispute(own.surroundings, { id: won } as never)).toMatchObject({ code: 'dispute_not_open' });
  const lost = await disputed(own, 'ord_lost');
  await challengeDispute(own.surroundings, evidence(lost, 'we are sure'));
  const accepted = await disputed(own, 'ord_accepted');
  await acceptDispute(own.surroundings, { id: accepted } as never);
  const expired = await disputed(own, 'ord_expired');
  own.advance(10 * 60_000);
  await own.settle();
  expect(await challengeDispute(own.surroundings, evidence(expired, 'too late'))).toMatchObject({
    code: 'dispute_not_open',
  });
  const closed = await own.published(DisputeClosedSchema);
  const outcomes = Object.fromEntries(closed.map((event) => [event.orderId, event.outcome]));
  expect(outcomes).toEqual({ ord_won: 'won', ord_lost: 'lost', ord_accepted: 'lost', ord_expired: 'lost' });
  expect(closed.every((event) => event.fee?.amountMinor === 1_500n)).toBe(true);
  expect(await own.refund('rfd_won', 'ord_won', 49_900n)).toBe('succeeded');
  expect(await own.refund('rfd_lost', 'ord_lost', 1n)).toBe('refund_exceeds_captured');
  await own.close();
});

it('P6: an inquiry holds no money and may become a dispute; a won dispute may go to pre-arbitration', async () => {
  const own = await openBench();
  await disputed(own, 'ord_inquiry', 'tok_inquiry');
  expect(await own.published(DisputeOpenedSchema)).toHaveLength(0);
  expect(await own.refund('rfd_inquiry', 'ord_inquiry', 100n)).toBe('succeeded');
  own.advance(6 * 60_000);
  await own.settle();
  expect(await own.published(DisputeOpenedSchema)).toMatchObject([{ amount: { amountMinor: 49_800n } }]);
  const first = await disputed(own, 'ord_arbitration', 'tok_pre_arbitration');
  await challengeDispute(own.surroundings, evidence(first, 'winning_evidence'));
  own.advance(10_000);
  await own.settle();
  const told = (await own.published(DisputeOpenedSchema)).filter((event) => event.orderId === 'ord_arbitration');
  expect(told).toHaveLength(2);
  await own.close();
});

it('the sandbox disputes nothing of what was refunded', async () => {
  const own = await openBench();
  await own.pay('ord_refunded', 'tok_chargeback');
  expect(await own.refund('rfd_all', 'ord_refunded', 49_900n)).toBe('succeeded');
  own.advance(5_000);
  await own.settle();
  expect(await own.published(DisputeOpenedSchema)).toHaveLength(0);
  await own.close();
});

it('C8, M18: fifty refunds at once with a dispute and failing refunds never give back more than was taken', async () => {
  let calls = 0;
  const own = await openBench({
    between: (sandbox) => ({
      ...sandbox,
      refund: async (refund) => {
        calls += 1;
        return calls % 7 === 0 ? { kind: 'failed', code: 'account_closed' } : sandbox.refund(refund);
      },
    }),
  });
  await own.pay('ord_c8', 'tok_chargeback');
  own.advance(2_500);
  const work = Array.from({ length: 50 }, (_, index) => own.refund(`rfd_c8_${index}`, 'ord_c8', 2_000n));
  const settling = own.settle();
  await Promise.all([...work, settling]);
  await own.settle();
  const spoken = async (refunds: string, disputes: string) =>
    (await minorSum(own.sql, refunds, "status <> 'failed'")) + (await minorSum(own.sql, disputes, "status <> 'won'"));
  const sum = {
    ours: await spoken('refunds', 'disputes'),
    theirs: await spoken(sandboxTable('refunds'), sandboxTable('disputes')),
  };
  expect(sum.ours).toBe(sum.theirs);
  expect(sum.ours).toBeLessThanOrEqual(49_900n);
  await own.close();
});

it('M23: any order and repetition of what is said of a dispute closes it once, in the same way', () => {
  const dispute: Dispute = {
    id: 'dsp_1',
    orderId: 'ord_1',
    attemptId: 'pay_1',
    provider: 'sandbox',
    reference: 'sdp_1',
    stage: 'dispute',
    status: 'opened',
    currency: 'INR',
    amountMinor: 100n,
    feeMinor: 15n,
    reason: 'general',
    evidence: '',
    pending: '',
    openedAtMs: 0,
  };
  const word = (status: DisputeFacts['status']): DisputeFacts => ({
    disputeReference: 'sdp_1',
    stage: 'dispute',
    status,
    currency: 'INR',
    amountMinor: 100n,
    feeMinor: 15n,
    reason: 'general',
  });
  const words = fc.array(fc.constantFrom('opened' as const, 'challenged' as const), { maxLength: 6 });
  fc.assert(
    fc.property(
      words,
      fc.constantFrom('won' as const, 'lost' as const),
      fc.nat(6),
      fc.nat(3),
      (others, last, at, more) => {
        const said = [...others.slice(0, at), last, ...others.slice(at), ...Array.from({ length: more }, () => last)];
        let state = dispute;
        let closes = 0;
        for (const each of said) {
          const decision = decideDispute(state, word(each), 5);
          if (decision.kind === 'closes') closes += 1;
          if (decision.kind === 'closes' || decision.kind === 'moves') state = decision.dispute;
        }
        expect({ status: state.status, closes }).toEqual({ status: last, closes: 1 });
      },
    ),
  );
});
