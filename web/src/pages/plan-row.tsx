import { Link } from '@tanstack/react-router';
import type { Plan } from '../api/types.ts';
import { formatMoney } from '../lib/money.ts';
import { plural } from '../lib/words.ts';
import { Badge, Money } from '../ui/bits.tsx';

/** `₹499.00 a month`, `₹1,200.00 every 3 months`. */
export function planPrice(plan: Pick<Plan, 'price' | 'interval' | 'intervalCount'>): string {
  const unit = plan.interval ?? 'month';
  const every = plan.intervalCount > 1 ? `every ${plural(plan.intervalCount, unit)}` : `a ${unit}`;
  return plan.price ? `${formatMoney(plan.price)} ${every}` : '';
}

/** A plan as a row of a list, with the way to it. */
export function PlanRow({ plan }: { plan: Plan }) {
  const every = planPrice(plan)
    .replace(plan.price ? formatMoney(plan.price) : '', '')
    .trim();
  return (
    <li className="list-row">
      <div className="list-main">
        <Link to="/plans/$planId" params={{ planId: plan.id }} className="list-title">
          {plan.title}
        </Link>
        <span className="list-note">{plan.courses.map((course) => course.title).join(', ')}</span>
      </div>
      {plan.trialDays > 0 && <Badge tone="good">{plural(plan.trialDays, 'day')} free</Badge>}
      <span>
        <Money value={plan.price} /> {every}
      </span>
    </li>
  );
}
