/** The banks that take files: one person asks for one, another approves it, and batches made from then on are for it. */
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import { maskedTail } from './payout-account.ts';
import { type Payer, type PayoutBankRequest, readPayer } from './payout-bank.ts';
import type { PayoutSurroundings } from './surroundings.ts';

export interface PayoutBankRow extends Record<string, unknown> {
  id: string;
  legal_entity: string;
  currency: string;
  name: string;
  debtor_name: string;
  masked_account: string;
  sealed_account: string;
  bank_code: string;
  status: 'requested' | 'active' | 'replaced';
  requested_by: string;
  approved_by: string;
  requested_at: Date;
  approved_at: Date | null;
}

const banksMax = 200;

export function listBanks(sql: SqlExecutor): Promise<PayoutBankRow[]> {
  return sql.query<PayoutBankRow>(
    `SELECT * FROM payout_banks WHERE status <> 'replaced' ORDER BY currency, status, id LIMIT ${banksMax}`,
  );
}

/** Takes the place of what was asked for before in that currency and not approved. */
export async function requestBank(
  { seal, world }: PayoutSurroundings,
  tx: SqlTransaction,
  request: PayoutBankRequest,
  requestedBy: string,
): Promise<PayoutBankRow | Refusal> {
  const payer = readPayer(request);
  if (isRefusal(payer)) return payer;
  const { currency } = request;
  await lockCurrency(tx, currency);
  await tx.execute("UPDATE payout_banks SET status = 'replaced' WHERE currency = $1 AND status = 'requested'", [
    currency,
  ]);
  const id = world.id('pbk');
  const [row] = await tx.query<PayoutBankRow>(
    `INSERT INTO payout_banks (id, legal_entity, currency, name, debtor_name, masked_account, sealed_account, bank_code, status,
       requested_by, requested_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'requested', $9, $10) RETURNING *`,
    [
      ...[id, request.legalEntity, currency, request.name, payer.debtorName, maskedTail(payer.account.number)],
      ...[
        seal.seal(JSON.stringify(payer.account), sealedFor(id)),
        payer.agent.code,
        requestedBy,
        new Date(world.now()),
      ],
    ],
  );
  if (row === undefined) throw new Error('a bank was not written');
  return row;
}

function sealedFor(id: string): string {
  return `payout-bank/${id}`;
}

/** Requests and approvals of a currency come one after the other. */
async function lockCurrency(tx: SqlTransaction, currency: string): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`settlement.payout_banks ${currency}`]);
}

export async function approveBank(
  { world }: PayoutSurroundings,
  tx: SqlTransaction,
  request: { readonly id: string; readonly approverId: string },
): Promise<PayoutBankRow | Refusal> {
  const [found] = await tx.query<PayoutBankRow>('SELECT * FROM payout_banks WHERE id = $1', [request.id]);
  if (found === undefined) return refuse('not_found', 'There is no such bank.');
  await lockCurrency(tx, found.currency);
  const [bank] = await tx.query<PayoutBankRow>('SELECT * FROM payout_banks WHERE id = $1 FOR UPDATE', [request.id]);
  if (bank?.requested_by === request.approverId)
    return refuse('second_person_required', 'You asked for this bank; another finance person approves it.');
  if (bank?.status === 'active') return bank;
  if (bank?.status !== 'requested') return refuse('already_decided', 'Another bank was asked for since.');
  await tx.execute("UPDATE payout_banks SET status = 'replaced' WHERE currency = $1 AND status = 'active'", [
    bank.currency,
  ]);
  const [active] = await tx.query<PayoutBankRow>(
    "UPDATE payout_banks SET status = 'active', approved_by = $2, approved_at = $3 WHERE id = $1 RETURNING *",
    [bank.id, request.approverId, new Date(world.now())],
  );
  return active ?? refuse('not_found', 'There is no such bank.');
}

/** The bank that pays in this currency now; undefined: the sandbox. */
export async function activeBank(tx: SqlExecutor, currency: string): Promise<PayoutBankRow | undefined> {
  const [row] = await tx.query<PayoutBankRow>("SELECT * FROM payout_banks WHERE currency = $1 AND status = 'active'", [
    currency,
  ]);
  return row;
}

/** Who pays a batch that was made for this bank. */
export async function payerOf({ seal }: PayoutSurroundings, tx: SqlExecutor, bankId: string): Promise<Payer> {
  const [row] = await tx.query<PayoutBankRow>('SELECT * FROM payout_banks WHERE id = $1', [bankId]);
  if (row === undefined) throw new Error(`there is no bank ${bankId}`);
  return {
    debtorName: row.debtor_name,
    account: JSON.parse(seal.open(row.sealed_account, sealedFor(row.id))) as Payer['account'],
    agent: { kind: row.currency === 'INR' ? 'ifsc' : 'bic', code: row.bank_code },
  };
}
