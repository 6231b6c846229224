import { Link } from '@tanstack/react-router';

/** The instructor's room, door by door. */
export function TeachNav() {
  return (
    <nav className="subnav no-print" aria-label="Teach">
      <Link to="/teach" className="subnav-link" activeOptions={{ exact: true }}>
        My courses
      </Link>
      <Link to="/teach/offers" className="subnav-link">
        Offers
      </Link>
      <Link to="/teach/earnings" className="subnav-link">
        Earnings
      </Link>
      <Link to="/teach/payouts" className="subnav-link">
        Payouts
      </Link>
    </nav>
  );
}
