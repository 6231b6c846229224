/** What reconciliation answers to finance. */
import * as proto from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import { type Implementation, implement, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import {
  actorOf,
  addBreakNote,
  approveWriteOff,
  assignBreak,
  matchManually,
  rejectWriteOff,
  requestWriteOff,
} from './break-desk.ts';
import type { Desk } from './desk.ts';
import { getReconciliation, listBreaks, listExpectations, listFiles, listLines } from './lists.ts';
import { listSources } from './report-pulls.ts';
import { deleteRule, listRules, setRule, tryRules } from './rules.ts';
import { breakView, readFiles, readStatements } from './views.ts';

export function reconciliationRpc(desk: Desk): Implementation {
  return implement(proto.ReconciliationService, {
    getReconciliation: () => getReconciliation(desk),
    listSettlementFiles: (request) => listFiles(desk, request),
    getSettlementFile: (request) => getFile(desk, request.id),
    discardSettlementFile: (request) => discardFile(desk, request.id),
    listReportSources: async () => ({ sources: await listSources(desk.sql, desk.reportSources) }),
    listFileLines: (request) => listLines(desk, request),
    listExpectations: (request) => listExpectations(desk, request),
    listBreaks: (request) => listBreaks(desk, request),
    getBreak: async (request) => {
      const view = await breakView(desk.sql, request.id, desk.world.now());
      return view === undefined ? refuse('not_found', 'There is no break of this id.') : { break: view };
    },
    assignBreak: (request, context) => assignBreak(desk, request, context),
    addBreakNote: (request, context) => addBreakNote(desk, request, context),
    requestWriteOff: (request, context) => requestWriteOff(desk, request, context),
    approveWriteOff: (request, context) => approveWriteOff(desk, request, context),
    rejectWriteOff: (request, context) => rejectWriteOff(desk, request, context),
    matchManually: (request, context) => matchManually(desk, request, context),
    listMatchRules: () => listRules(desk),
    setMatchRule: (request, context) => setRule(desk, request, actorOf(context)),
    deleteMatchRule: (request) => deleteRule(desk, request),
    tryMatchRules: (request) => tryRules(desk, request),
  });
}

async function getFile({ sql }: Desk, id: string) {
  const [found] = await readFiles(sql, "WHERE id = $1 AND status <> 'receiving'", [id]);
  if (found === undefined) return refuse('not_found', 'There is no file of this id.');
  return { file: found.view, statements: await readStatements(sql, id) };
}

/** The bytes go, the row stays: that there was such a file, and what became of it. */
async function discardFile({ sql }: Desk, id: string) {
  const refused = await refusableTransaction(sql, async (tx): Promise<'discarded' | Refusal> => {
    const [row] = await tx.query<{ status: string }>('SELECT status FROM settlement_files WHERE id = $1 FOR UPDATE', [
      id,
    ]);
    if (row === undefined || row.status === 'receiving') return refuse('not_found', 'There is no file of this id.');
    if (row.status === 'discarded') return 'discarded';
    if (row.status !== 'pending' && row.status !== 'failed')
      return refuse('settlement_file_state', `The file is ${row.status}; what it has done stays.`);
    await tx.execute("UPDATE settlement_files SET status = 'discarded' WHERE id = $1", [id]);
    await tx.execute('DELETE FROM settlement_file_parts WHERE file_id = $1', [id]);
    return 'discarded';
  });
  if (isRefusal(refused)) return refused;
  const [found] = await readFiles(sql, 'WHERE id = $1', [id]);
  return found === undefined ? {} : { file: found.view };
}
