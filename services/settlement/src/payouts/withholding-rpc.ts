/** What payouts answers to finance about the rates of tax withheld, and to an instructor about those that concern them. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  ApproveWithholdingVersionRequestSchema,
  ApproveWithholdingVersionResponseSchema,
  type PayoutsService,
  RejectWithholdingVersionRequestSchema,
  RejectWithholdingVersionResponseSchema,
  RequestWithholdingVersionRequestSchema,
  RequestWithholdingVersionResponseSchema,
  type WithholdingRuleSchema,
  type WithholdingVersionSchema,
} from '@suuupra/contracts/gen/suuupra/settlement/v1/payouts_pb.ts';
import { readPage } from '@suuupra/platform/rpc/paging';
import { type Handlers, isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { callOf, once, type PayoutRpcParts, userIdOf } from './keyed-call.ts';
import { byNumber } from './lists.ts';
import type { TaxProfileRow } from './payout-accounts.ts';
import { concerns, dayInIndia } from './withholding.ts';
import { termsOf } from './withholding-rules.ts';
import {
  activeVersion,
  approveVersion,
  listVersions,
  rejectVersion,
  requestVersion,
  rulesOf,
  settledUntil,
  type WithholdingVersionRow,
} from './withholding-versions.ts';

type WithholdingHandlers = Pick<
  Handlers<typeof PayoutsService>,
  'listWithholdingVersions' | 'requestWithholdingVersion' | 'approveWithholdingVersion' | 'rejectWithholdingVersion'
>;

export function withholdingHandlers(parts: PayoutRpcParts): WithholdingHandlers {
  return {
    listWithholdingVersions: async (request) => {
      const page = readPage(request, byNumber);
      if (isRefusal(page)) return page;
      const { rows, nextPageToken } = await listVersions(parts.sql, page);
      return { versions: rows.map(versionMessage), nextPageToken, settledUntil: await settledUntil(parts.sql) };
    },
    requestWithholdingVersion: (request, context) => {
      const [input, output] = [RequestWithholdingVersionRequestSchema, RequestWithholdingVersionResponseSchema];
      const call = callOf(parts, 'RequestWithholdingVersion', context, { input, request, output });
      return once(parts, call, context, async (tx) =>
        answered(await requestVersion(parts, tx, { ...request, requestedBy: userIdOf(context) })),
      );
    },
    approveWithholdingVersion: (request, context) => {
      const [input, output] = [ApproveWithholdingVersionRequestSchema, ApproveWithholdingVersionResponseSchema];
      const call = callOf(parts, 'ApproveWithholdingVersion', context, { input, request, output });
      const decision = { id: request.id, by: userIdOf(context) };
      return once(parts, call, context, async (tx) => answered(await approveVersion(parts, tx, decision)));
    },
    rejectWithholdingVersion: (request, context) => {
      const [input, output] = [RejectWithholdingVersionRequestSchema, RejectWithholdingVersionResponseSchema];
      const call = callOf(parts, 'RejectWithholdingVersion', context, { input, request, output });
      const decision = { id: request.id, by: userIdOf(context) };
      return once(parts, call, context, async (tx) => answered(await rejectVersion(parts, tx, decision)));
    },
  };
}

function answered(row: WithholdingVersionRow | Refusal) {
  return isRefusal(row) ? row : { version: versionMessage(row) };
}

function versionMessage(row: WithholdingVersionRow): MessageInitShape<typeof WithholdingVersionSchema> {
  return {
    ...{ id: row.id, version: row.version, status: row.status, rules: rulesOf(row).map(termsOf) },
    ...{ reason: row.reason, basedOn: row.based_on, requestedBy: row.requested_by, decidedBy: row.decided_by },
    ...(row.requested_at === null ? {} : { requestedAt: timestampFromDate(row.requested_at) }),
    ...(row.decided_at === null ? {} : { decidedAt: timestampFromDate(row.decided_at) }),
  };
}

/** The rules in force today that concern this participant; without a profile those of a resident without a PAN. */
export async function rulesFor(
  { sql, world }: Pick<PayoutRpcParts, 'sql' | 'world'>,
  row: TaxProfileRow | undefined,
): Promise<MessageInitShape<typeof WithholdingRuleSchema>[]> {
  const today = dayInIndia(world.now());
  const hasPan = row !== undefined && row.masked_pan !== '';
  const profile = {
    hasPan,
    entity: 'individual',
    resident: row?.resident ?? true,
    hasGstin: (row?.gstin ?? '') !== '',
  } as const;
  return rulesOf(await activeVersion(sql))
    .filter((rule) => today >= rule.from && today <= rule.until && concerns(rule, profile))
    .map((rule) => ({
      id: rule.id,
      kind: rule.kind,
      ratePpm: hasPan ? rule.ratePpm : (rule.ratePpmWithoutPan ?? rule.ratePpm),
      base: rule.base,
      period: rule.period,
      threshold: { currency: rule.currency, amountMinor: rule.thresholdMinor },
      validFrom: rule.from,
      source: rule.source,
    }));
}
