/** The small pieces that pages are made of. */
import { Link, type LinkProps } from '@tanstack/react-router';
import { type ReactNode, useSyncExternalStore } from 'react';
import type { Money as MoneyJson } from '../api/types.ts';
import { coverOf } from '../lib/cover.ts';
import { formatMoney } from '../lib/money.ts';
import { formatAgo } from '../lib/time.ts';
import { Icon, type IconName } from './icons.tsx';

export type Tone = 'neutral' | 'accent' | 'good' | 'warn' | 'danger' | 'info';

export function Badge({ tone = 'neutral', icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`badge badge-${tone}`}>
      {icon && <Icon name={icon} size={14} />}
      {children}
    </span>
  );
}

/** A sentence that matters on a page: what happened, what is simulated, what to do. */
export function Notice({
  tone = 'info',
  icon,
  title,
  children,
  live,
}: {
  tone?: Tone;
  icon?: IconName;
  title?: string;
  children?: ReactNode;
  live?: boolean;
}) {
  return (
    <div className={`notice notice-${tone}`} role={live ? (tone === 'danger' ? 'alert' : 'status') : undefined}>
      <Icon name={icon ?? (tone === 'danger' || tone === 'warn' ? 'warning' : tone === 'good' ? 'check' : 'info')} />
      <div className="notice-body">
        {title && <strong className="notice-title">{title}</strong>}
        {children}
      </div>
    </div>
  );
}

/** An amount with its currency, in figures of equal width. */
export function Money({ value, free = false }: { value: MoneyJson | undefined; free?: boolean }) {
  if (!value) return <span className="tabular">–</span>;
  if (free && BigInt(value.amountMinor) === 0n) return <span>Free</span>;
  return <span className="tabular money">{formatMoney(value)}</span>;
}

const never = () => () => undefined;

/** True in the browser after the first render, false on the server: for what depends on the reader's place. */
export function useInBrowser(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}

type TimeStyle = 'date' | 'moment' | 'ago';

/** In the reader's zone, with the exact instant on hover. */
export function Time({ at, style = 'moment' }: { at: string | undefined; style?: TimeStyle }) {
  const inBrowser = useInBrowser();
  if (!at) return <span>–</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={at}>
      {timeText(date, style, inBrowser)}
    </time>
  );
}

function timeText(date: Date, style: TimeStyle, inBrowser: boolean): string {
  const zone = inBrowser ? {} : { timeZone: 'UTC' };
  if (style === 'ago' && inBrowser) return formatAgo(date, new Date());
  const day = { day: 'numeric', month: 'short', year: 'numeric' } as const;
  if (style !== 'moment') return date.toLocaleDateString('en-GB', { ...day, ...zone });
  return date.toLocaleString('en-GB', { ...day, hour: '2-digit', minute: '2-digit', ...zone });
}

/** `fraction` from 0 to 1. */
export function ProgressBar({ fraction, label }: { fraction: number; label: string }) {
  return <progress className="progress" max={1} value={Math.min(1, Math.max(0, fraction))} aria-label={label} />;
}

export interface Crumb {
  readonly label: string;
  readonly link?: Pick<LinkProps, 'to' | 'params' | 'search'>;
}

export function Breadcrumbs({ items }: { items: readonly Crumb[] }) {
  return (
    <nav aria-label="Breadcrumbs" className="crumbs no-print">
      <ol className="crumb-list">
        {items.map((item) => (
          <li key={item.label} className="crumb">
            {item.link ? <Link {...item.link}>{item.label}</Link> : <span aria-current="page">{item.label}</span>}
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** The head of a page of the staff's and the person's own rooms. */
export function PageHead({
  title,
  lead,
  crumbs,
  actions,
}: {
  title: string;
  lead?: ReactNode;
  crumbs?: readonly Crumb[];
  actions?: ReactNode;
}) {
  return (
    <header className="page-head">
      {crumbs && <Breadcrumbs items={crumbs} />}
      <div className="page-head-row">
        <h1 className="page-title">{title}</h1>
        {actions && <div className="page-actions no-print">{actions}</div>}
      </div>
      {lead && <p className="page-lead">{lead}</p>}
    </header>
  );
}

/** A course's drawn cover. Decoration only: the title stands beside it. */
export function CoverArt({ slug }: { slug: string }) {
  const cover = coverOf(slug);
  return (
    <svg
      className={`cover cover-${cover.palette}`}
      viewBox="0 0 320 180"
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
      focusable="false"
    >
      <rect className="cover-a" width="320" height="180" />
      {motifs[cover.motif](cover.numbers)}
    </svg>
  );
}

type Numbers = readonly number[];
const at = (numbers: Numbers, index: number) => numbers[index % numbers.length] ?? 0;

const motifs: Record<ReturnType<typeof coverOf>['motif'], (numbers: Numbers) => ReactNode> = {
  arcs: (n) => (
    <>
      {[0, 1, 2, 3, 4].map((i) => (
        <circle key={i} className="cover-line" cx={40 + at(n, 0) * 240} cy={190} r={34 + i * 30} />
      ))}
      <circle className="cover-c" cx={40 + at(n, 1) * 240} cy={40 + at(n, 2) * 40} r={15} />
    </>
  ),
  grid: (n) => (
    <>
      {Array.from({ length: 24 }, (_, i) => i).map((i) => {
        const size = 8 + at(n, i) * 26;
        const x = 20 + (i % 8) * 40 - size / 2;
        const y = 34 + Math.floor(i / 8) * 56 - size / 2;
        return (
          <rect
            key={i}
            className={i === Math.floor(at(n, 3) * 24) ? 'cover-c' : 'cover-b'}
            x={x}
            y={y}
            width={size}
            height={size}
            rx={4}
          />
        );
      })}
    </>
  ),
  waves: (n) => (
    <>
      {[0, 1, 2, 3, 4, 5].map((i) => {
        const y = 38 + i * 24;
        const lift = 12 + at(n, i) * 26;
        return (
          <path
            key={i}
            className="cover-line"
            d={`M-10 ${y}C70 ${y - lift} 120 ${y + lift} 180 ${y}S290 ${y - lift} 330 ${y}`}
          />
        );
      })}
      <circle className="cover-c" cx={60 + at(n, 8) * 200} cy={30 + at(n, 9) * 60} r={12} />
    </>
  ),
  strata: (n) => (
    <>
      {[0, 1, 2, 3, 4].map((i) => (
        <rect
          key={i}
          className={i === Math.floor(at(n, 7) * 5) ? 'cover-c' : 'cover-b'}
          x={28 + at(n, i) * 90}
          y={28 + i * 26}
          width={80 + at(n, i + 6) * 110}
          height={14}
          rx={7}
        />
      ))}
    </>
  ),
  orbits: (n) => (
    <>
      {[0, 1, 2].map((i) => (
        <ellipse key={i} className="cover-line" cx={160} cy={90} rx={50 + i * 42} ry={22 + i * 22} />
      ))}
      {[0, 1, 2].map((i) => {
        const turn = at(n, i) * Math.PI * 2;
        const x = Math.round(160 + Math.cos(turn) * (50 + i * 42));
        const y = Math.round(90 + Math.sin(turn) * (22 + i * 22));
        return <circle key={i} className={i === 1 ? 'cover-c' : 'cover-b'} cx={x} cy={y} r={9 - i} />;
      })}
    </>
  ),
};
