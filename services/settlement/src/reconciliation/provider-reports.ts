/** The settlement reports that payments keeps for its providers. */
import type { ProviderReport } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { isRefusal, RpcFault } from '@suuupra/platform/rpc/rpc';
import type { SettlementParts } from '../area.ts';
import { fileBytesMax } from './files.ts';

type Payments = SettlementParts['payments'];

const reportsInCall = 20;

/** Those after this id, oldest first; none when payments has no more. */
export async function reportsAfter(payments: Payments, afterId: string): Promise<readonly ProviderReport[]> {
  const answer = await payments.listProviderReports({ afterId, pageSize: reportsInCall });
  if (isRefusal(answer)) throw new RpcFault('unavailable', `payments lists no reports: ${answer.code}`);
  return answer.reports;
}

export async function* reportBytes(payments: Payments, id: string): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset <= fileBytesMax; ) {
    const answer = await payments.readProviderReport({ id, offset: BigInt(offset) });
    if (isRefusal(answer)) throw new RpcFault('unavailable', `payments gives no report ${id}: ${answer.code}`);
    if (answer.content.byteLength === 0) return;
    offset += answer.content.byteLength;
    yield answer.content;
  }
}
