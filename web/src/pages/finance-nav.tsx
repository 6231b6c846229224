import { Link } from '@tanstack/react-router';

/** The finance room's three doors. */
export function FinanceNav() {
  return (
    <nav className="subnav no-print" aria-label="Finance">
      <Link to="/finance" className="subnav-link" activeOptions={{ exact: true, includeSearch: false }}>
        Trial balance
      </Link>
      <Link to="/finance/journals" className="subnav-link" activeOptions={{ includeSearch: false }}>
        Journals
      </Link>
      <Link to="/finance/orders" className="subnav-link" activeOptions={{ includeSearch: false }}>
        Orders
      </Link>
    </nav>
  );
}
