/** Our own small set: 24 by 24, one stroke, drawn for 1.75 px lines. Always beside a text or a label. */
const paths = {
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM20 20l-4-4',
  bell: 'M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15ZM10 21h4',
  user: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4.5 20c1-3.5 4-5 7.5-5s6.500 1.500 7.500 5',
  menu: 'M4 7h16M4 12h16M4 17h16',
  close: 'M6 6l12 12M18 6 6 18',
  check: 'M5 12.500l4.500 4.500L19 7',
  chevronDown: 'M6 9l6 6 6-6',
  chevronRight: 'M9 6l6 6-6 6',
  arrowLeft: 'M19 12H5M11 6l-6 6 6 6',
  arrowRight: 'M5 12h14M13 6l6 6-6 6',
  arrowUp: 'M12 19V5M6 11l6-6 6 6',
  arrowDown: 'M12 5v14M6 13l6 6 6-6',
  play: 'M7 5v14l12-7Z',
  pause: 'M8 5v14M16 5v14',
  text: 'M6 4h9l4 4v12H6ZM15 4v4h4M9.500 12h6M9.500 16h6',
  video: 'M4 6h16v12H4ZM10 9.500v5l4.500-2.500Z',
  quiz: 'M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500v.2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z',
  lock: 'M6 11h12v9H6ZM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  card: 'M3 6h18v12H3ZM3 10h18M7 15h3',
  upi: 'M7 3h10v18H7ZM11 18h2',
  receipt: 'M6 3h12v18l-3-2-3 2-3-2-3 2ZM9.500 8h5M9.500 12h5',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400',
  moon: 'M19.500 14.500A8 8 0 0 1 9.500 4.500a8 8 0 1 0 10 10Z',
  screen: 'M3 5h18v12H3ZM8 21h8M12 17v4',
  warning: 'M12 4 2.500 20h19ZM12 10v4.500M12 17.200v.2',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 11v5.500M12 7.500v.2',
  offline: 'M3 3l18 18M8.500 15.500a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4-2.300M19 12a10 10 0 0 0-5-2.700M12 19v.2',
  cart: 'M3 5h2.500l2.200 10.500h9.800L20 8H6.200M9 19.500v.1M16 19.500v.1',
  mail: 'M3 6h18v12H3ZM3 7l9 6 9-6',
  plus: 'M12 5v14M5 12h14',
  grip: 'M9 6v.1M15 6v.1M9 12v.1M15 12v.1M9 18v.1M15 18v.1',
  speaker: 'M4 10v4h3l5 4V6L7 10ZM15.500 9a4.500 4.500 0 0 1 0 6',
  muted: 'M4 10v4h3l5 4V6L7 10ZM16 10l4 4M20 10l-4 4',
  captions: 'M3 6h18v12H3ZM10 10.500a2 2 0 1 0 0 3M17 10.500a2 2 0 1 0 0 3',
  fullscreen: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  outline: 'M4 6h2M10 6h10M4 12h2M10 12h10M4 18h2M10 18h10',
  print: 'M7 9V3h10v6M7 17H4V9h16v8h-3M7 14h10v7H7Z',
  refund: 'M4 9h11a5 5 0 0 1 0 10H8M8 5 4 9l4 4',
  shield: 'M12 3l7.500 3v5.500c0 4.500-3 8-7.500 9.500-4.500-1.500-7.500-5-7.500-9.500V6Z',
  book: 'M12 6c-2-1.500-5-2-8-2v14c3 0 6 .5 8 2 2-1.500 5-2 8-2V4c-3 0-6 .5-8 2ZM12 6v14',
  empty: 'M4 13 7 5h10l3 8v6H4ZM4 13h5l1 2.500h4l1-2.500h5',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg className="logo" width="28" height="28" viewBox="0 0 28 28" aria-hidden="true" focusable="false">
      <rect className="logo-ground" width="28" height="28" rx="8" />
      <path
        className="logo-line"
        d="M8 18.500c2 2.600 9.500 2.600 12 .3 2.200-2.100.4-4.300-2.500-4.800l-6-1c-3-.5-4.300-2.600-2.200-4.500 2.400-2.100 8.500-2 10.500.2"
      />
    </svg>
  );
}
