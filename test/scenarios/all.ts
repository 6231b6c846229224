/** Every scenario, by what it plays. They run on one process and on many. */
import { cancelling } from './cancel.ts';
import { declineThen3ds } from './decline-then-3ds.ts';
import { everyToken } from './every-token.ts';
import { freeCourse } from './free-course.ts';
import { learn } from './learn.ts';
import { notices } from './notices.ts';
import { purchase } from './purchase.ts';
import { raceOfPayingAndCancelling, raceOnOneKey, raceOnOneOrder, raceOnOneRefund } from './races.ts';
import { fullRefund, partialRefund, refundByTheBuyer } from './refund.ts';
import type { Scenario } from './stage.ts';

export const scenarios: Readonly<Record<string, Scenario>> = {
  'a purchase': purchase,
  'a free course': freeCourse,
  'declined, rejected, then approved': declineThen3ds,
  'every sandbox token': everyToken,
  'an order let go of': cancelling,
  'learning what was bought': learn,
  'notices as they happen': notices,
  'a full refund': fullRefund,
  'a refund by the buyer': refundByTheBuyer,
  'a partial refund and then the rest': partialRefund,
  'eight at once on one key': raceOnOneKey,
  'eight at once on one order': raceOnOneOrder,
  'eight at once on one refund': raceOnOneRefund,
  'paying while cancelling': raceOfPayingAndCancelling,
};
