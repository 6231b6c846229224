/** The notifications service: what people are told, in the app, live, and by mail. */
import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import {
  SessionEndedSchema,
  UserRegisteredSchema,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import {
  CourseCompletedSchema,
  EnrolmentEndedSchema,
  EnrolmentGrantedSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { NotificationsService } from '@suuupra/contracts/gen/suuupra/notifications/v1/notifications_pb.ts';
import { WebhooksService } from '@suuupra/contracts/gen/suuupra/notifications/v1/webhooks_pb.ts';
import {
  GiftBoughtSchema,
  InvoiceIssuedSchema,
  OrderPaidSchema,
  OrderRefundedSchema,
  SubscriptionChangedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentFailedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import {
  InstructorTransferBookedSchema,
  PayoutPaidSchema,
  PayoutReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import { openMailQueue } from '@suuupra/platform/mail/mail-queue';
import { textSeal } from '@suuupra/platform/mail/sealed-text';
import { defineService } from '@suuupra/platform/service';
import { eventHandlers } from './events.ts';
import { notificationsRpc } from './rpc.ts';
import { openStreams, streamLimits, streamRoute } from './streams.ts';
import { openTasks } from './tasks.ts';
import { openDeliveries } from './webhooks/deliveries.ts';
import { webhooksRpc } from './webhooks/rpc.ts';
import { sender } from './webhooks/send.ts';

export const notifications = defineService({
  name: 'notifications',
  provides: [NotificationsService, WebhooksService],
  calls: { identity: IdentityService, content: ContentService },
  engines: ['sql', 'mail', 'keys'],
  consumes: [
    UserRegisteredSchema,
    SessionEndedSchema,
    OrderPaidSchema,
    OrderRefundedSchema,
    PaymentFailedSchema,
    EnrolmentGrantedSchema,
    EnrolmentEndedSchema,
    CourseCompletedSchema,
    PayoutPaidSchema,
    PayoutReturnedSchema,
    InstructorTransferBookedSchema,
    InvoiceIssuedSchema,
    GiftBoughtSchema,
    SubscriptionChangedSchema,
    DisputeOpenedSchema,
    DisputeClosedSchema,
  ],
  publishes: [],
  routes: [streamRoute],
  migrations: new URL('../migrations/', import.meta.url),
  start: async ({ engines, clients, world, telemetry, settings }) => {
    const { sql, mail, keys } = engines;
    const { identity, content } = clients;
    const { publicUrl } = settings;
    const mails = openMailQueue({ sql, mail, world, telemetry });
    const streams = openStreams({ sql, world, telemetry, limits: streamLimits, processId: world.id('prc') });
    const tasks = openTasks({ sql, world, telemetry, mails, identity, content, publicUrl, added: streams.wake });
    const seal = textSeal(await keys.secret('notifications-webhook-secrets'));
    const webhookParts = { sql, world, telemetry, seal, send: sender() };
    const deliveries = openDeliveries(webhookParts);
    return {
      implementations: [notificationsRpc({ sql, world, mail, identity }), webhooksRpc(webhookParts, deliveries)],
      routes: [streams.route],
      handlers: eventHandlers(tasks, streams, deliveries),
      begin: async () => {
        await streams.start();
        mails.start();
        tasks.start();
        deliveries.start();
      },
      stop: async () => {
        await deliveries.stop();
        await tasks.stop();
        await mails.stop();
        await streams.stop();
      },
    };
  },
});
