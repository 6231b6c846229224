/** The methods of the service, each one operation. */
import { PaymentsChargingService } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { PaymentsDeskService } from '@suuupra/contracts/gen/suuupra/payments/v1/desk_pb.ts';
import { DisputesService } from '@suuupra/contracts/gen/suuupra/payments/v1/disputes_pb.ts';
import { MandatesService } from '@suuupra/contracts/gen/suuupra/payments/v1/mandates_pb.ts';
import { PaymentsService } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { RiskService } from '@suuupra/contracts/gen/suuupra/payments/v1/risk_pb.ts';
import { RoutingService } from '@suuupra/contracts/gen/suuupra/payments/v1/routing_pb.ts';
import { type Implementation, implement, isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { captureAuthorized, chargeMandate } from './charges.ts';
import { cancelPayment, confirmPayment } from './confirmations.ts';
import {
  capturePayment,
  closeAttention,
  incrementPayment,
  listAttention,
  listProviderReports,
  listRefunds,
  readProviderReport,
  syncPayment,
  voidPayment,
} from './desk.ts';
import { acceptDispute, challengeDispute, getDispute, listDisputes } from './disputes.ts';
import type { Listed, PaymentsDoor } from './door.ts';
import { changeMandate, confirmMandate, createMandate, findMandate, getMandate, listMandates } from './mandates.ts';
import { cancelIntent, createPayment, getPayment, listPayments, reviseIntent, userIdOf } from './payments.ts';
import { refundPayment } from './refunds.ts';
import {
  addBlock,
  deleteRiskRule,
  listBlocks,
  listRiskDecisions,
  listRiskRules,
  putRiskRule,
  removeBlock,
} from './risks.ts';
import { getRoutingRules, listProviders, listRoutingDecisions, providersOver, putRoutingRules } from './routings.ts';
import { getRiskScoring, putRiskScoring, triedMessage, tryRiskScoring } from './scorings.ts';

export function implementationsOf(door: PaymentsDoor): Implementation[] {
  return [...ofPayers(door), ...ofFinance(door), ...ofRules(door)];
}

function ofPayers(door: PaymentsDoor): Implementation[] {
  return [
    implement(PaymentsService, {
      createPayment: (request, context) => door.ofOrder(request.orderId, (s) => createPayment(s, request, context)),
      listPayments: (request, context) => door.ofOrder(request.orderId, (s) => listPayments(s, request, context)),
      getPayment: (request, context) => door.ofId(request.id, (s) => getPayment(s, request, context)),
      confirmPayment: (request, context) => door.ofId(request.id, (s) => confirmPayment(s, request, context)),
      cancelPayment: (request, context) => door.ofId(request.id, (s) => cancelPayment(s, request, context)),
      refundPayment: (request, context) => door.ofOrder(request.orderId, (s) => refundPayment(s, request, context)),
      cancelIntent: (request) => door.ofOrder(request.orderId, (s) => cancelIntent(s, request)),
      reviseIntent: (request) => door.ofOrder(request.orderId, (s) => reviseIntent(s, request)),
    }),
    implement(MandatesService, {
      createMandate: (request, context) =>
        door.ofBuyer(userIdOf(context) ?? '', (s) => createMandate(s, request, context)),
      confirmMandate: (request, context) => door.ofId(request.id, (s) => confirmMandate(s, request, context)),
      listMandates: (request, context) =>
        door.ofBuyer(userIdOf(context) ?? '', (s) => listMandates(s, request, context)),
      getMandate: ({ id }, context) => door.ofId(id, (s) => getMandate(s, id, context)),
      modifyMandate: ({ id, amountMax }, context) => {
        const amountMaxMinor = amountMax?.amountMinor ?? 0n;
        return door.ofId(id, (s) => changeMandate(s, id, { kind: 'modify', amountMaxMinor }, context));
      },
      pauseMandate: ({ id }, context) => door.ofId(id, (s) => changeMandate(s, id, { kind: 'pause' }, context)),
      resumeMandate: ({ id }, context) => door.ofId(id, (s) => changeMandate(s, id, { kind: 'resume' }, context)),
      revokeMandate: ({ id }, context) => door.ofId(id, (s) => changeMandate(s, id, { kind: 'revoke' }, context)),
    }),
    implement(PaymentsChargingService, {
      chargeMandate: (request, context) => door.ofOrder(request.orderId, (s) => chargeMandate(s, request, context)),
      findMandate: (request) => door.ofId(request.mandateId, (s) => findMandate(s, request)),
      captureAuthorized: (request, context) =>
        door.ofOrder(request.orderId, (s) => captureAuthorized(s, request, context)),
      listProviderReports: (request) => door.ofAll((s) => listProviderReports(s, request)),
      readProviderReport: (request) => door.ofAll((s) => readProviderReport(s, request)),
    }),
  ];
}

function ofFinance(door: PaymentsDoor): Implementation[] {
  return [
    implement(PaymentsDeskService, {
      capturePayment: (request, context) => door.ofId(request.id, (s) => capturePayment(s, request, context)),
      incrementPayment: (request, context) => door.ofId(request.id, (s) => incrementPayment(s, request, context)),
      voidPayment: ({ id }) => door.ofId(id, (s) => voidPayment(s, id)),
      syncPayment: ({ id }) => door.ofId(id, (s) => syncPayment(s, id)),
      listRefunds: (request) => door.list(request.orderId, request, refundsListed, (s) => listRefunds(s, request)),
      listAttention: (request) => door.list('', request, attentionListed, (s) => listAttention(s, request)),
      closeAttention: (request, context) => door.ofId(request.id, (s) => closeAttention(s, request, context)),
    }),
    implement(DisputesService, {
      listDisputes: (request) => door.list('', request, disputesListed, (s) => listDisputes(s, request)),
      getDispute: (request) => door.ofId(request.id, (s) => getDispute(s, request)),
      challengeDispute: (request) => door.ofId(request.id, (s) => challengeDispute(s, request)),
      acceptDispute: (request) => door.ofId(request.id, (s) => acceptDispute(s, request)),
    }),
  ];
}

function ofRules(door: PaymentsDoor): Implementation[] {
  return [
    implement(RiskService, {
      listRiskRules: () => door.ofAll((s) => listRiskRules(s)),
      putRiskRule: (request) => door.ofAll((s) => putRiskRule(s, request)),
      deleteRiskRule: (request) => door.ofAll((s) => deleteRiskRule(s, request)),
      listBlocks: (request) => door.ofAll((s) => listBlocks(s, request)),
      addBlock: (request) => door.ofAll((s) => addBlock(s, request)),
      removeBlock: (request) => door.ofAll((s) => removeBlock(s, request)),
      listRiskDecisions: (request) =>
        door.list(request.orderId, request, riskDecisionsListed, (s) => listRiskDecisions(s, request)),
      getRiskScoring: () => door.ofAll((s) => getRiskScoring(s)),
      putRiskScoring: (request, context) => door.ofAll((s) => putRiskScoring(s, request, context)),
      tryRiskScoring: async (request) => {
        const parts = await door.each((s) => tryRiskScoring(s, request));
        return isRefusal(parts) ? parts : triedMessage(parts);
      },
    }),
    implement(RoutingService, {
      listProviders: async () => {
        const shards = await door.each((s) => listProviders(s));
        return isRefusal(shards) ? shards : providersOver(shards);
      },
      getRoutingRules: () => door.ofAll((s) => getRoutingRules(s)),
      putRoutingRules: (request, context) => door.ofAll((s) => putRoutingRules(s, request, context)),
      listRoutingDecisions: (request) =>
        door.list(request.orderId, request, routingDecisionsListed, (s) => listRoutingDecisions(s, request)),
    }),
  ];
}

type AnswerOf<F extends (...given: never[]) => unknown> = Exclude<Awaited<ReturnType<F>>, Refusal>;

export const refundsListed: Listed<AnswerOf<typeof listRefunds>, AnswerOf<typeof listRefunds>['refunds'][number]> = {
  rows: (answer) => answer.refunds,
  at: (row) => row.createdAt,
  answer: (rows, nextPageToken) => ({ refunds: [...rows], nextPageToken }),
};

const attentionListed: Listed<AnswerOf<typeof listAttention>, AnswerOf<typeof listAttention>['items'][number]> = {
  rows: (answer) => answer.items,
  at: (row) => row.since,
  answer: (rows, nextPageToken) => ({ items: [...rows], nextPageToken }),
  isOldestFirst: true,
};

const disputesListed: Listed<AnswerOf<typeof listDisputes>, AnswerOf<typeof listDisputes>['disputes'][number]> = {
  rows: (answer) => answer.disputes,
  at: (row) => row.openedAt,
  answer: (rows, nextPageToken) => ({ disputes: [...rows], nextPageToken }),
};

const riskDecisionsListed: Listed<
  AnswerOf<typeof listRiskDecisions>,
  AnswerOf<typeof listRiskDecisions>['decisions'][number]
> = {
  rows: (answer) => answer.decisions,
  at: (row) => row.at,
  answer: (rows, nextPageToken) => ({ decisions: [...rows], nextPageToken }),
};

const routingDecisionsListed: Listed<
  AnswerOf<typeof listRoutingDecisions>,
  AnswerOf<typeof listRoutingDecisions>['decisions'][number]
> = {
  rows: (answer) => answer.decisions,
  at: (row) => row.at,
  answer: (rows, nextPageToken) => ({ decisions: [...rows], nextPageToken }),
};
