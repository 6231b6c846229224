/** Every service of the platform. To add one: write its folder, name it here. */

import { content } from '@suuupra/content/service';
import { identity } from '@suuupra/identity/service';
import { learning } from '@suuupra/learning/service';
import { ledger } from '@suuupra/ledger/service';
import { notifications } from '@suuupra/notifications/service';
import { orders } from '@suuupra/orders/service';
import { payments } from '@suuupra/payments/service';
import type { AnyService } from '@suuupra/platform/service';
import { search } from '@suuupra/search/service';
import { settlement } from '@suuupra/settlement/service';
import { web } from '@suuupra/web/service';

export const allServices: readonly AnyService[] = [
  identity,
  content,
  learning,
  orders,
  payments,
  ledger,
  settlement,
  search,
  notifications,
  web,
];
