/** Settlement with instructors and payouts to them: what this half of the service offers and runs. */
import type { Keys } from '@suuupra/platform/keys/keys';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { textSeal } from '@suuupra/platform/mail/sealed-text';
import type { SettlementArea, SettlementParts } from '../area.ts';
import type { Bank } from './bank.ts';
import { openSandboxBank, type SandboxBank } from './bank-sandbox.ts';
import { fileRoutes } from './file-routes.ts';
import { creditsAfter } from './provider-credits.ts';
import { payoutRound } from './round.ts';
import { payoutsRpc } from './rpc.ts';
import type { PayoutSurroundings } from './surroundings.ts';

export interface PayoutsArea extends SettlementArea {
  /** For reconciliation: the statements of the bank that pays. */
  readonly bank: Bank;
}

/** Looks at least this often for what other processes have left. */
const idleMsMax = 30_000;

/** The keyring seals account numbers, PANs and files; the key is made on the first start. */
export async function payouts(
  parts: SettlementParts & {
    readonly keys: Keys;
    /** Told when somebody had the bank make its statements. */
    readonly statementsMade?: () => void;
  },
): Promise<PayoutsArea> {
  const { sql, payments, world, telemetry } = parts;
  const loops: { payouts?: Loop; bank?: Loop } = {};
  const bank = openSandboxBank({
    sql,
    world,
    creditsAfter: (reportId) => creditsAfter(payments, reportId),
    nudge: () => loops.bank?.nudge(),
  });
  const surroundings: PayoutSurroundings = {
    ...parts,
    log: telemetry.log,
    bank,
    seal: textSeal(await parts.keys.secret('settlement-payouts')),
    nudge: () => loops.payouts?.nudge(),
  };
  const makeStatements = async () => {
    // What the provider has paid in until now stands on them.
    await bank.round();
    const made = await bank.makeStatements();
    parts.statementsMade?.();
    return made;
  };
  return {
    bank,
    implementations: [payoutsRpc({ ...surroundings, makeStatements })],
    routes: fileRoutes(surroundings),
    handlers: [],
    begin: async () => {
      loops.payouts = startLoop({
        round: () => payoutRound(surroundings),
        now: world.now,
        idleMsMax,
        failed: (error) => telemetry.log.error('payouts wait', { error }),
      });
      loops.bank = startLoop({
        round: () => bankTurn(bank, surroundings),
        now: world.now,
        idleMsMax,
        failed: (error) => telemetry.log.error('the sandbox bank waits', { error }),
      });
    },
    stop: async () => {
      await Promise.all([loops.payouts?.stop(), loops.bank?.stop()]);
    },
  };
}

/** After the bank has worked there may be outcomes to hear of. */
async function bankTurn(bank: SandboxBank, { nudge }: PayoutSurroundings): Promise<number | undefined> {
  const dueAtMs = await bank.round();
  nudge();
  return dueAtMs;
}
