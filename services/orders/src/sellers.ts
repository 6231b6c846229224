/** The settings of the seller, as they are now. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  GetSellerResponseSchema,
  SellerSchema,
  SetSellerRequest,
  SetSellerResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/invoices_pb.ts';
import { type CallContext, isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor } from '@suuupra/platform/sql/sql';
import type { OrdersSurroundings } from './change.ts';
import { demonstrationSeller, readSellerDetails, type SellerDetails, stateOf } from './seller.ts';
import { jsonOf } from './stored-event.ts';

export async function sellerNow(executor: SqlExecutor): Promise<SellerDetails> {
  const [row] = await executor.query<{ details: unknown }>('SELECT details FROM seller');
  return row === undefined ? demonstrationSeller : (row.details as SellerDetails);
}

export async function getSeller({
  sql,
}: OrdersSurroundings): Promise<MessageInitShape<typeof GetSellerResponseSchema>> {
  return { seller: sellerMessage(await sellerNow(sql)) };
}

export async function setSeller(
  { sql, world }: OrdersSurroundings,
  request: SetSellerRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof SetSellerResponseSchema> | Refusal> {
  const none = { legalName: '', address: '', gstin: '', prices: '', rounding: '', series: '', sacs: [] };
  const details = readSellerDetails(request.seller ?? none);
  if (isRefusal(details)) return details;
  const by = context.principal.kind === 'user' ? context.principal.userId : '';
  await sql.execute(
    `INSERT INTO seller (details, changed_by, changed_at) VALUES ($1, $2, $3)
     ON CONFLICT (only_one) DO UPDATE
     SET details = EXCLUDED.details, changed_by = EXCLUDED.changed_by, changed_at = EXCLUDED.changed_at`,
    [jsonOf(details), by, new Date(world.now())],
  );
  return { seller: sellerMessage(details) };
}

export function sellerMessage(seller: SellerDetails): MessageInitShape<typeof SellerSchema> {
  const { legalName, address, gstin, prices, rounding, series, isDemonstration: demonstration } = seller;
  const sacs = (seller.sacs ?? []).map((rule) => ({ ...rule }));
  return { legalName, address, gstin, prices, rounding, series, demonstration, stateCode: stateOf(seller), sacs };
}
