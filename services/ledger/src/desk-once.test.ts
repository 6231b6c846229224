import { LedgerReportsService } from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { expect, it } from 'vitest';
import { ledger } from './service.ts';

it('commands of the desk do not wait for each other for ever, however many come at once', async () => {
  const under = await startServiceForTest(ledger);
  try {
    const client = under.client(LedgerReportsService);
    const principal = userPrincipal('usr_finance', 'finance');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        client.limitAccount(
          { code: '5400', currency: 'INR', balanceMinMinor: BigInt(-index), reason: 'So many at once' },
          { principal, idempotencyKey: `limit-${index}` },
        ),
      ),
    );
    expect(answers.filter(isRefusal)).toEqual([]);
  } finally {
    await under.stop();
  }
});
