import { Link } from '@tanstack/react-router';
import type { Order } from '../api/types.ts';
import { isZero } from '../lib/money.ts';
import { CoverArt, Money } from '../ui/bits.tsx';

/** What is bought and what it comes to, the tax in a line of its own. */
export function OrderSums({ order }: { order: Order }) {
  return (
    <section className="sums" aria-label="Order summary">
      <ul className="sum-lines">
        {order.lines.map((line) => (
          <li key={line.id} className="sum-line">
            <span className="sum-cover">
              <CoverArt slug={line.courseSlug || line.courseId} />
            </span>
            <span className="sum-name">
              <Link to="/courses/$slug" params={{ slug: line.courseSlug || line.courseId }}>
                {line.title}
              </Link>
              {!isZero(line.refunded) && (
                <span className="sum-note">
                  <Money value={line.refunded} /> refunded
                </span>
              )}
            </span>
            <Money value={line.price} />
          </li>
        ))}
      </ul>
      <dl className="sum-table">
        <Row name="Price before tax">
          <Money value={order.subtotal} />
        </Row>
        {!isZero(order.discount) && (
          <Row name="Discount">
            <span>
              −<Money value={order.discount} />
            </span>
          </Row>
        )}
        <Row name="Tax">
          <Money value={order.tax} />
        </Row>
        <Row name="Total" strong>
          <Money value={order.total} />
        </Row>
        {!isZero(order.refunded) && (
          <Row name="Refunded">
            <span>
              −<Money value={order.refunded} />
            </span>
          </Row>
        )}
      </dl>
    </section>
  );
}

function Row({ name, strong, children }: { name: string; strong?: boolean; children: React.ReactNode }) {
  return (
    <div className={strong ? 'sum-row sum-row-strong' : 'sum-row'}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
