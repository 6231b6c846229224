/**
 * Markdown of authors to HTML that is safe to show: CommonMark with tables by `marked`, then an allow-list by
 * `sanitize-html`. Nothing else of this service makes HTML, and nothing is served that did not come through here.
 */
import { Lexer, Marked, Parser, type Tokens } from 'marked';
import sanitizeHtml from 'sanitize-html';

export interface Rendered {
  readonly html: string;
  /** The readable text, blocks on their own lines; for search and reading time. */
  readonly text: string;
  /** Files of ours that the text shows or links to, each once. */
  readonly fileIds: readonly string[];
}

/** Deeper than any text a person reads; both parsers recurse by nesting. */
const nestingMax = 40;
/** Characters that open something and make parsers look ahead; a longer run of one of them is no text. */
const openingRunMax = 400;
/** Quotations whose lines the parser reads again for each line that may continue them. */
const quoteLinesMax = 2_000;
/**
 * The inline parser looks from each opening character along the rest of its block, so this product, summed over the
 * blocks, is what it costs: a dense page comes to a million, the bound to about half a second.
 */
export const inlineWorkMax = 200_000_000;
const headingIdCharsMax = 80;
/** Where our files are; see file-routes.ts. */
export const filesPath = '/api/v1/files/';
const ownFile = /^\/api\/v1\/files\/([A-Za-z0-9_-]{1,64})$/;
/** Ids that authors can make all begin with this, so that none of them takes the place of one of the page's own. */
const headingIdPrefix = 'h-';

/** HTML, text and files of a Markdown text; undefined when it is nested or knotted beyond what anybody could read. */
export function renderMarkdown(markdown: string): Rendered | undefined {
  if (isUnreadable(markdown)) return undefined;
  const { defaults: options } = marked();
  const lexer = new Lexer(options);
  lexer.blockTokens(readable(markdown).replace(/\r\n?/g, '\n'), lexer.tokens);
  if (lexer.inlineQueue.reduce((sum, { src }) => sum + inlineWork(src), 0) > inlineWorkMax) return undefined;
  for (const { src, tokens } of lexer.inlineQueue) lexer.inlineTokens(src, tokens);
  return sanitised(Parser.parse(lexer.tokens, options));
}

/** As above without blocks: for the options of a question. */
export function renderInline(markdown: string): Rendered | undefined {
  if (isUnreadable(markdown) || inlineWork(markdown) > inlineWorkMax) return undefined;
  const { defaults: options } = marked();
  return sanitised(Parser.parseInline(Lexer.lexInline(readable(markdown), options), options));
}

function sanitised(unsafe: string): Rendered {
  const html = sanitizeHtml(unsafe, policy);
  return { html, text: plainText(html), fileIds: filesIn(html) };
}

/** CommonMark, section 2.3: U+0000 is replaced; so is half a character, which no database keeps. */
function readable(markdown: string): string {
  return markdown.replaceAll('\0', '\ufffd').toWellFormed();
}

/** What a text may cost the inline parser; see inlineWorkMax. */
export function inlineWork(text: string): number {
  return text.length * (text.match(/[*_~`[\]<!&@:]/g)?.length ?? 0);
}

/**
 * Parsers of Markdown take quadratic time, or the whole stack, on long runs of opening characters and on endless
 * nesting. No text that a person wrote comes near these bounds.
 */
function isUnreadable(markdown: string): boolean {
  if (new RegExp(`([\\[(<*_~!\`&|])(?:[ \\t]?\\1){${openingRunMax}}`).test(markdown)) return true;
  if ((markdown.match(/^ {0,3}>/gm)?.length ?? 0) > quoteLinesMax) return true;
  if (new RegExp(`^[ \\t]{${nestingMax * 4},}(?:[-+*>]|\\d+[.)])`, 'm').test(markdown)) return true;
  return new RegExp(`^(?:[ \\t]*(?:[-+*>]|\\d{1,9}[.)])){${nestingMax},}`, 'm').test(markdown);
}

function marked(): Marked {
  const seen = new Map<string, number>();
  return new Marked({ gfm: true }).use({
    renderer: {
      heading({ tokens, depth, text }: Tokens.Heading): string {
        // The page itself has the h1.
        const level = Math.max(2, depth);
        return `<h${level} id="${headingId(text, seen)}">${this.parser.parseInline(tokens)}</h${level}>\n`;
      },
      paragraph({ tokens }: Tokens.Paragraph): string {
        const [only] = tokens;
        if (tokens.length === 1 && only?.type === 'image' && typeof only['title'] === 'string') {
          return figure(only as Tokens.Image);
        }
        return `<p>${this.parser.parseInline(tokens)}</p>\n`;
      },
      checkbox({ checked }: Tokens.Checkbox): string {
        return checked ? '☑ ' : '☐ ';
      },
    },
  });
}

function figure(image: Tokens.Image): string {
  const alt = escapeHtml(image.text);
  return `<figure><img src="${escapeHtml(image.href)}" alt="${alt}"><figcaption>${escapeHtml(image.title ?? '')}</figcaption></figure>\n`;
}

function headingId(text: string, seen: Map<string, number>): string {
  const base = `${headingIdPrefix}${slugOf(text)}`;
  const count = (seen.get(base) ?? 0) + 1;
  seen.set(base, count);
  return count === 1 ? base : `${base}-${count}`;
}

function slugOf(text: string): string {
  const words = text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return Array.from(words.join('-')).slice(0, headingIdCharsMax).join('');
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const headings = ['h2', 'h3', 'h4', 'h5', 'h6'];

const policy: sanitizeHtml.IOptions = {
  allowedTags: [
    ...headings,
    ...['p', 'br', 'hr', 'blockquote', 'pre', 'code', 'kbd', 'samp', 'var', 'em', 'strong', 'del', 'ins', 's', 'mark'],
    ...['sub', 'sup', 'small', 'abbr', 'ul', 'ol', 'li', 'dl', 'dt', 'dd', 'a', 'img', 'figure', 'figcaption'],
    ...['table', 'caption', 'thead', 'tbody', 'tr', 'th', 'td', 'details', 'summary'],
  ],
  allowedAttributes: {
    ...Object.fromEntries(headings.map((tag) => [tag, ['id']])),
    a: ['href', 'rel', 'title'],
    abbr: ['title'],
    code: ['class'],
    img: ['src', 'alt', 'title', 'loading', 'decoding'],
    ol: [{ name: 'start', multiple: false, values: Array.from({ length: 1_000 }, (_, index) => String(index)) }],
    th: [{ name: 'align', multiple: false, values: ['left', 'center', 'right'] }],
    td: [{ name: 'align', multiple: false, values: ['left', 'center', 'right'] }],
  },
  allowedClasses: { code: [/^language-[a-z0-9+#.-]{1,30}$/] },
  allowedSchemes: ['https', 'http', 'mailto'],
  allowedSchemesAppliedToAttributes: ['href', 'src'],
  allowProtocolRelative: false,
  disallowedTagsMode: 'discard',
  // What is between these tags is never text for a reader.
  nonTextTags: ['script', 'style', 'textarea', 'option', 'noscript', 'iframe', 'noembed', 'noframes', 'template'],
  nestingLimit: nestingMax * 2,
  enforceHtmlBoundary: false,
  transformTags: {
    a: (_tag, attributes) => ({ tagName: 'a', attribs: linkAttributes(attributes) }),
    img: (_tag, attributes) => ({ tagName: 'img', attribs: imageAttributes(attributes) }),
    h1: (_tag, attributes) => ({ tagName: 'h2', attribs: headingAttributes(attributes) }),
    ...Object.fromEntries(
      headings.map((tag) => [
        tag,
        (_tag: string, attributes: sanitizeHtml.Attributes) => ({
          tagName: tag,
          attribs: headingAttributes(attributes),
        }),
      ]),
    ),
  },
  exclusiveFilter: (frame) => frame.tag === 'img' && frame.attribs['src'] === undefined,
};

function headingAttributes(attributes: sanitizeHtml.Attributes): sanitizeHtml.Attributes {
  const { id } = attributes;
  return id !== undefined && /^h-[\p{L}\p{M}\p{N}-]{0,100}$/u.test(id) ? { id } : {};
}

function linkAttributes(attributes: sanitizeHtml.Attributes): sanitizeHtml.Attributes {
  const title = attributes['title'] === undefined ? {} : { title: attributes['title'] };
  const href = safeHref(attributes['href'] ?? '');
  return href === undefined ? title : { href, rel: 'noopener noreferrer nofollow', ...title };
}

/** Browsers pass over control characters in addresses, and read a backslash as a slash: so do we before we look. */
function withoutControls(address: string): string {
  return address.replace(/\p{Cc}|[\s\u2028\u2029]/gu, '');
}

function safeHref(raw: string): string | undefined {
  const href = withoutControls(raw);
  if (href.startsWith('#')) return `#${headingIdPrefix}${slugOf(decoded(href.slice(1)))}`;
  if (/^\/(?![/\\])/.test(href) || /^(?:https?:\/\/|mailto:)[^/\\]/i.test(href)) return href;
  return undefined;
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function imageAttributes(attributes: sanitizeHtml.Attributes): sanitizeHtml.Attributes {
  const src = withoutControls(attributes['src'] ?? '');
  if (!ownFile.test(src) && !/^https:\/\/[^/\\]/i.test(src)) return {};
  const title = attributes['title'] === undefined ? {} : { title: attributes['title'] };
  return { src, alt: attributes['alt'] ?? '', loading: 'lazy', decoding: 'async', ...title };
}

function filesIn(html: string): string[] {
  const found = html.matchAll(/(?:src|href)="(\/api\/v1\/files\/[A-Za-z0-9_-]{1,64})"/g);
  return [...new Set(Array.from(found, (match) => (match[1] ?? '').slice(filesPath.length)))];
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' };

/** The text of HTML that the policy above has written; only then are `<` and `>` sure to be tags. */
function plainText(html: string): string {
  return html
    .replace(/<\/(?:p|h\d|li|tr|pre|blockquote|figcaption|figure|dt|dd|summary|caption)>|<(?:br|hr) \/>/g, '\n')
    .replace(/<\/t[hd]>/g, ' ')
    .replace(/<[^>]*>/g, '')
    .replace(/&(amp|lt|gt|quot);/g, (_all, name: string) => entities[name] ?? '')
    .replace(/[ \t]+\n/g, '\n')
    .replace(/\n{2,}/g, '\n')
    .trim();
}
