/** The methods of the service, each one operation. */
import { PaymentsChargingService } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { PaymentsDeskService } from '@suuupra/contracts/gen/suuupra/payments/v1/desk_pb.ts';
import { DisputesService } from '@suuupra/contracts/gen/suuupra/payments/v1/disputes_pb.ts';
import { MandatesService } from '@suuupra/contracts/gen/suuupra/payments/v1/mandates_pb.ts';
import { PaymentsService } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { RiskService } from '@suuupra/contracts/gen/suuupra/payments/v1/risk_pb.ts';
import { RoutingService } from '@suuupra/contracts/gen/suuupra/payments/v1/routing_pb.ts';
import { type Implementation, implement } from '@suuupra/platform/rpc/rpc';
import { captureAuthorized, chargeMandate } from './charges.ts';
import {
  capturePayment,
  closeAttention,
  listAttention,
  listProviderReports,
  listRefunds,
  readProviderReport,
  syncPayment,
  voidPayment,
} from './desk.ts';
import { acceptDispute, challengeDispute, getDispute, listDisputes } from './disputes.ts';
import { changeMandate, confirmMandate, createMandate, findMandate, getMandate, listMandates } from './mandates.ts';
import { cancelIntent, confirmPayment, createPayment, getPayment, listPayments } from './payments.ts';
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
import { getRoutingRules, listProviders, listRoutingDecisions, putRoutingRules } from './routings.ts';
import type { PaymentsSurroundings } from './surroundings.ts';

export function implementationsOf(surroundings: PaymentsSurroundings): Implementation[] {
  return [...ofPayers(surroundings), ...ofFinance(surroundings), ...ofRules(surroundings)];
}

function ofPayers(surroundings: PaymentsSurroundings): Implementation[] {
  return [
    implement(PaymentsService, {
      createPayment: (request, context) => createPayment(surroundings, request, context),
      listPayments: (request, context) => listPayments(surroundings, request, context),
      getPayment: (request, context) => getPayment(surroundings, request, context),
      confirmPayment: (request, context) => confirmPayment(surroundings, request, context),
      refundPayment: (request, context) => refundPayment(surroundings, request, context),
      cancelIntent: (request) => cancelIntent(surroundings, request),
    }),
    implement(MandatesService, {
      createMandate: (request, context) => createMandate(surroundings, request, context),
      confirmMandate: (request, context) => confirmMandate(surroundings, request, context),
      listMandates: (request, context) => listMandates(surroundings, request, context),
      getMandate: ({ id }, context) => getMandate(surroundings, id, context),
      modifyMandate: ({ id, amountMax }, context) => {
        const amountMaxMinor = amountMax?.amountMinor ?? 0n;
        return changeMandate(surroundings, id, { kind: 'modify', amountMaxMinor }, context);
      },
      pauseMandate: ({ id }, context) => changeMandate(surroundings, id, { kind: 'pause' }, context),
      resumeMandate: ({ id }, context) => changeMandate(surroundings, id, { kind: 'resume' }, context),
      revokeMandate: ({ id }, context) => changeMandate(surroundings, id, { kind: 'revoke' }, context),
    }),
    implement(PaymentsChargingService, {
      chargeMandate: (request, context) => chargeMandate(surroundings, request, context),
      findMandate: (request) => findMandate(surroundings, request),
      captureAuthorized: (request, context) => captureAuthorized(surroundings, request, context),
      listProviderReports: (request) => listProviderReports(surroundings, request),
      readProviderReport: (request) => readProviderReport(surroundings, request),
    }),
  ];
}

function ofFinance(surroundings: PaymentsSurroundings): Implementation[] {
  return [
    implement(PaymentsDeskService, {
      capturePayment: (request, context) => capturePayment(surroundings, request, context),
      voidPayment: ({ id }) => voidPayment(surroundings, id),
      syncPayment: ({ id }) => syncPayment(surroundings, id),
      listRefunds: (request) => listRefunds(surroundings, request),
      listAttention: (request) => listAttention(surroundings, request),
      closeAttention: (request, context) => closeAttention(surroundings, request, context),
    }),
    implement(DisputesService, {
      listDisputes: (request) => listDisputes(surroundings, request),
      getDispute: (request) => getDispute(surroundings, request),
      challengeDispute: (request) => challengeDispute(surroundings, request),
      acceptDispute: (request) => acceptDispute(surroundings, request),
    }),
  ];
}

function ofRules(surroundings: PaymentsSurroundings): Implementation[] {
  return [
    implement(RiskService, {
      listRiskRules: () => listRiskRules(surroundings),
      putRiskRule: (request) => putRiskRule(surroundings, request),
      deleteRiskRule: (request) => deleteRiskRule(surroundings, request),
      listBlocks: (request) => listBlocks(surroundings, request),
      addBlock: (request) => addBlock(surroundings, request),
      removeBlock: (request) => removeBlock(surroundings, request),
      listRiskDecisions: (request) => listRiskDecisions(surroundings, request),
    }),
    implement(RoutingService, {
      listProviders: () => listProviders(surroundings),
      getRoutingRules: () => getRoutingRules(surroundings),
      putRoutingRules: (request, context) => putRoutingRules(surroundings, request, context),
      listRoutingDecisions: (request) => listRoutingDecisions(surroundings, request),
    }),
  ];
}
