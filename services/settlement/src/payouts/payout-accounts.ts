/** Payout accounts and tax profiles of instructors: kept sealed, shown masked, each change written down. */
import type { CallContext, Refusal } from '@suuupra/platform/rpc/rpc';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor } from '@suuupra/platform/sql/sql';
import type { Destination } from './bank.ts';
import {
  type AccountRequest,
  maskedAccount,
  maskedTail,
  readAccount,
  readTaxProfile,
  type TaxProfileRequest,
} from './payout-account.ts';
import { accountSealedFor, withdrawPayouts } from './payout-batches.ts';
import { coolingMs } from './policy.ts';
import type { PayoutSurroundings } from './surroundings.ts';

export interface PayoutAccountRow extends Record<string, unknown> {
  instructor_id: string;
  currency: string;
  method: string;
  masked_account: string;
  sealed_account: string;
  changed_at: Date;
  payable_from: Date;
}

/** The account as its owner sees it. */
export interface ShownAccount {
  readonly row: PayoutAccountRow;
  readonly holder: string;
  readonly ifsc: string;
}

/**
 * Sets where an instructor is paid in a currency. A change takes payouts that are not approved yet back and starts the
 * cooling time; the same account again changes nothing.
 */
export async function setAccount(
  surroundings: PayoutSurroundings,
  instructorId: string,
  request: AccountRequest,
  context: CallContext,
): Promise<ShownAccount | Refusal> {
  const destination = readAccount(request);
  if (isRefusal(destination)) return destination;
  const { sql, seal, world } = surroundings;
  const { currency } = request;
  return sql.transaction(async (tx) => {
    const [before] = await tx.query<PayoutAccountRow>(
      'SELECT * FROM payout_accounts WHERE instructor_id = $1 AND currency = $2 FOR UPDATE',
      [instructorId, currency],
    );
    if (before !== undefined && isSame(opened(seal, before), destination)) return shown(seal, before);
    const nowMs = world.now();
    const masked = maskedAccount(destination);
    const [row] = await tx.query<PayoutAccountRow>(
      `INSERT INTO payout_accounts (instructor_id, currency, method, masked_account, sealed_account, changed_at, payable_from)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (instructor_id, currency) DO UPDATE SET method = excluded.method,
         masked_account = excluded.masked_account, sealed_account = excluded.sealed_account,
         changed_at = excluded.changed_at, payable_from = excluded.payable_from RETURNING *`,
      [
        instructorId,
        currency,
        destination.method,
        masked,
        seal.seal(JSON.stringify(destination), accountSealedFor(instructorId, currency)),
        new Date(nowMs),
        new Date(nowMs + coolingMs),
      ],
    );
    await tx.execute(
      `INSERT INTO payout_account_changes (instructor_id, currency, method, masked_account, changed_by, changed_at)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [instructorId, currency, destination.method, masked, instructorId, new Date(nowMs)],
    );
    await withdrawPayouts(surroundings, tx, { instructorId, currency }, context);
    if (row === undefined) throw new Error('a payout account was not written');
    return shown(seal, row);
  });
}

function opened(seal: PayoutSurroundings['seal'], row: PayoutAccountRow): Destination {
  return JSON.parse(seal.open(row.sealed_account, accountSealedFor(row.instructor_id, row.currency))) as Destination;
}

function isSame(a: Destination, b: Destination): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function shown(seal: PayoutSurroundings['seal'], row: PayoutAccountRow): ShownAccount {
  const destination = opened(seal, row);
  return { row, holder: destination.holder, ifsc: destination.method === 'bank_in' ? destination.ifsc : '' };
}

export async function accountsOf({ sql, seal }: PayoutSurroundings, instructorId: string): Promise<ShownAccount[]> {
  const rows = await sql.query<PayoutAccountRow>(
    'SELECT * FROM payout_accounts WHERE instructor_id = $1 ORDER BY currency',
    [instructorId],
  );
  return rows.map((row) => shown(seal, row));
}

export interface AccountChangeRow extends Record<string, unknown> {
  currency: string;
  method: string;
  masked_account: string;
  changed_by: string;
  changed_at: Date;
}

const changesShown = 20;

export function changesOf(sql: SqlExecutor, instructorId: string): Promise<AccountChangeRow[]> {
  return sql.query<AccountChangeRow>(
    `SELECT currency, method, masked_account, changed_by, changed_at FROM payout_account_changes
     WHERE instructor_id = $1 ORDER BY position DESC LIMIT $2`,
    [instructorId, changesShown],
  );
}

export interface TaxProfileRow extends Record<string, unknown> {
  masked_pan: string;
  entity: string;
  resident: boolean;
  gstin: string;
  changed_at: Date;
}

export async function setTaxProfile(
  { sql, seal, world }: PayoutSurroundings,
  instructorId: string,
  request: TaxProfileRequest,
): Promise<TaxProfileRow | Refusal> {
  const read = readTaxProfile(request);
  if (isRefusal(read)) return read;
  const { pan, resident, gstin } = request;
  const [row] = await sql.query<TaxProfileRow>(
    `INSERT INTO tax_profiles (instructor_id, sealed_pan, masked_pan, entity, resident, gstin, changed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (instructor_id) DO UPDATE SET sealed_pan = excluded.sealed_pan,
       masked_pan = excluded.masked_pan, entity = excluded.entity, resident = excluded.resident, gstin = excluded.gstin,
       changed_at = excluded.changed_at
     RETURNING masked_pan, entity, resident, gstin, changed_at`,
    [
      instructorId,
      pan === '' ? '' : seal.seal(pan, `pan/${instructorId}`),
      pan === '' ? '' : maskedTail(pan),
      read.entity,
      resident,
      gstin,
      new Date(world.now()),
    ],
  );
  if (row === undefined) throw new Error('a tax profile was not written');
  return row;
}

export async function taxProfileOf(sql: SqlExecutor, instructorId: string): Promise<TaxProfileRow | undefined> {
  const [row] = await sql.query<TaxProfileRow>(
    'SELECT masked_pan, entity, resident, gstin, changed_at FROM tax_profiles WHERE instructor_id = $1',
    [instructorId],
  );
  return row;
}
