import { Link, Outlet, useRouter, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useMe } from '../lib/use-me.ts';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Icon, Logo } from '../ui/icons.tsx';
import { Toasts } from '../ui/toast.tsx';
import { CartLink } from './cart-link.tsx';
import { ThemeSwitch } from './theme-switch.tsx';

const loadCommandMenu = () => import('./command-menu.tsx').then((page) => ({ default: page.CommandMenu }));
const CommandMenu = lazy(loadCommandMenu);
const PersonMenus = lazy(() => import('./person-menus.tsx').then((page) => ({ default: page.PersonMenus })));

/** The frame of every page: header, the page, footer. The bank's page of the sandbox stands alone. */
export function Shell() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const bare = path.startsWith('/sandbox/');
  const main = useFocusOnNavigation(path);
  return (
    <>
      <a className="skip-link no-print" href="#main">
        Skip to the content
      </a>
      {!bare && <Header />}
      <main id="main" className="main" tabIndex={-1} ref={main}>
        <Outlet />
      </main>
      {!bare && <Footer />}
      <Toasts />
    </>
  );
}

/** After a page change the reading position is at the top of the new page, for screen readers as for eyes. */
function useFocusOnNavigation(path: string) {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path is what happened, not what is read.
  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [path]);
  return main;
}

function Header() {
  const me = useMe();
  return (
    <header className="header no-print">
      <div className="header-row">
        <Link to="/" className="brand" aria-label="Suuupra, home">
          <Logo />
          <span className="brand-name">Suuupra</span>
        </Link>
        <nav className="nav" aria-label="Main">
          <Link to="/courses" className="nav-link">
            Courses
          </Link>
          {me.state === 'user' && (
            <Link to="/learn" className="nav-link nav-roomy">
              My learning
            </Link>
          )}
          {me.has('instructor') && (
            <Link to="/teach" className="nav-link nav-wide">
              Teach
            </Link>
          )}
          {me.has('finance') && (
            <Link to="/finance" className="nav-link nav-wide">
              Finance
            </Link>
          )}
        </nav>
        <div className="header-end">
          <SearchButton />
          <CartLink />
          <Person state={me.state} />
        </div>
      </div>
    </header>
  );
}

function Person({ state }: { state: 'unknown' | 'anonymous' | 'user' }) {
  const path = useRouterState({ select: (router) => router.location.href });
  if (state === 'unknown') return <span className="person-pending" aria-hidden="true" />;
  if (state === 'user') {
    return (
      <Suspense fallback={<span className="person-pending" aria-hidden="true" />}>
        <PersonMenus />
      </Suspense>
    );
  }
  return (
    <>
      <ButtonLink to="/sign-in" look="quiet" small search={{ return: path }}>
        Sign in
      </ButtonLink>
      <ButtonLink to="/sign-up" look="secondary" small search={{ return: path }} className="sign-up-link">
        Sign up
      </ButtonLink>
    </>
  );
}

function SearchButton() {
  const [open, setOpen] = useState(false);
  const router = useRouter();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      // Who holds Ctrl may press K next: the menu is there by then, and no letter typed into it is lost.
      if (event.key === 'Control' || event.key === 'Meta') void loadCommandMenu();
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setOpen((shown) => !shown);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  useEffect(() => router.subscribe('onBeforeNavigate', () => setOpen(false)), [router]);
  return (
    <>
      <Button
        look="quiet"
        small
        aria-keyshortcuts="Control+K Meta+K"
        onHoverStart={() => void loadCommandMenu()}
        onPress={() => setOpen(true)}
      >
        <Icon name="search" />
        <span className="search-label">Search</span>
        <span className="key search-keys" aria-hidden="true">
          Ctrl K
        </span>
      </Button>
      {open && (
        <Suspense fallback={null}>
          <CommandMenu onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}

function Footer() {
  return (
    <footer className="footer no-print">
      <div className="footer-row">
        <p className="footer-note">Suuupra, a learning platform you can read the source of.</p>
        <nav className="footer-links" aria-label="About">
          <a href="/docs/api">API documents</a>
          <a href="/healthz">Health</a>
          <a href="/readyz">Readiness</a>
        </nav>
        <ThemeSwitch />
      </div>
    </footer>
  );
}
