/** Rates of tax withheld from instructors: versions that one person of finance asks for and another approves. */
import { call } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type { ListWithholdingVersionsResponse, WithholdingTerms, WithholdingVersion } from './types.ts';

const at = '/settlement/withholding-versions';

export const withholdingVersionsQuery = listQuery<ListWithholdingVersionsResponse>(['finance', 'withholding'], at);

export interface VersionAsked {
  readonly rules: readonly WithholdingTerms[];
  readonly reason: string;
  /** The version in force that was looked at; when another is by now, nothing is asked for. */
  readonly basedOn: string;
}

export const requestVersion = (body: VersionAsked) =>
  withIntent(`withholding.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ version: WithholdingVersion }>('POST', at, { body, idempotencyKey }),
  );

export const decideVersion = (id: string, act: 'approve' | 'reject') =>
  withIntent(`withholding.${id}.${act}`, (idempotencyKey) =>
    call<{ version: WithholdingVersion }>('POST', `${at}/${encodeURIComponent(id)}:${act}`, {
      body: {},
      idempotencyKey,
    }),
  );
