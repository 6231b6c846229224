import type { Order } from '../api/types.ts';
import { orderStatusWords } from '../lib/words.ts';
import { Badge, type Tone } from '../ui/bits.tsx';

const tones: Readonly<Record<string, Tone>> = {
  awaiting_payment: 'warn',
  paid: 'good',
  partially_refunded: 'info',
  refunded: 'info',
};

export function OrderBadge({ order }: { order: Order }) {
  const status = order.status ?? '';
  return <Badge tone={tones[status] ?? 'neutral'}>{orderStatusWords[status] ?? status}</Badge>;
}
