/** The HTML document around a page. Pure: everything that comes from people is escaped here, once. */
import { type EmbeddedState, stateElementId } from '../src/embedded-state.ts';
import { type PageHead, siteName } from '../src/lib/page-head.ts';

/** Addresses of what the build made. */
export interface BuiltFiles {
  readonly scripts: readonly string[];
  readonly styles: readonly string[];
  /** Runs before the first paint. */
  readonly themeScript: string;
  readonly preloads: readonly string[];
  readonly fonts: readonly string[];
}

export interface DocumentParts {
  readonly head: PageHead;
  readonly publicUrl: string;
  /** Markup of the page, made by the renderer; '' for a page that only the browser renders. */
  readonly body: string;
  readonly state: EmbeddedState;
  readonly files: BuiltFiles;
  /** Public documents only: everything else stays out of search engines. */
  readonly indexed: boolean;
}

export function htmlDocument(parts: DocumentParts): string {
  const { files } = parts;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<script src="${attribute(files.themeScript)}"></script>`,
    ...headTags(parts),
    ...files.styles.map((href) => `<link rel="stylesheet" href="${attribute(href)}">`),
    ...files.fonts.map(
      (href) => `<link rel="preload" as="font" type="font/woff2" crossorigin href="${attribute(href)}">`,
    ),
    ...files.preloads.map((href) => `<link rel="modulepreload" href="${attribute(href)}">`),
    // The component library adds its own style element unless one with this id is there; ours is in the stylesheet.
    '<meta id="react-aria-pressable-style" name="color-scheme" content="light dark">',
    '<link rel="icon" type="image/svg+xml" href="/favicon.svg">',
    '</head>',
    '<body>',
    `<div id="root">${parts.body}</div>`,
    ...(parts.body === ''
      ? ['<noscript>This page needs JavaScript. The course pages can be read without it.</noscript>']
      : []),
    `<script type="application/json" id="${stateElementId}">${scriptJson(parts.state)}</script>`,
    ...files.scripts.map((src) => `<script type="module" src="${attribute(src)}"></script>`),
    '</body>',
    '</html>',
  ].join('\n');
}

function headTags({ head, publicUrl, indexed }: DocumentParts): string[] {
  const url = publicUrl + head.canonicalPath;
  const tags = [
    `<title>${text(head.title)}</title>`,
    `<meta name="description" content="${attribute(head.description)}">`,
  ];
  if (!indexed) return [...tags, '<meta name="robots" content="noindex">'];
  return [
    ...tags,
    `<link rel="canonical" href="${attribute(url)}">`,
    `<meta property="og:site_name" content="${attribute(siteName)}">`,
    `<meta property="og:type" content="${head.type}">`,
    `<meta property="og:title" content="${attribute(head.title)}">`,
    `<meta property="og:description" content="${attribute(head.description)}">`,
    `<meta property="og:url" content="${attribute(url)}">`,
    ...(head.jsonLd ? [`<script type="application/ld+json">${scriptJson(head.jsonLd)}</script>`] : []),
  ];
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function text(value: string): string {
  return value.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? character);
}

const attribute = text;

/** JSON that no HTML parser takes for markup and no JavaScript parser for a line break. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
