/** What text from outside must be like before anything else sees it. */
import type { FieldRules } from '@suuupra/contracts/gen/suuupra/options/v1/options_pb.ts';
import { charsMaxDefault } from './json-shape.ts';

/** What is wrong; `detail` says what would do and never repeats the text. */
export interface Problem {
  readonly code: string;
  readonly detail: string;
}

type TextRules = Pick<FieldRules, 'charsMin' | 'charsMax' | 'format' | 'multiline'>;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const controls = /[\u0000-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for; tab, LF and CR may stay.
const controlsButLines = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/** Undefined for good text. Lengths are in Unicode code points, so an emoji counts as people count it, or nearly. */
export function problemOfText(text: string, rules: TextRules): Problem | undefined {
  const charsMax = rules.charsMax === 0 ? charsMaxDefault : rules.charsMax;
  if (text.length > charsMax && codePoints(text, charsMax + 1) > charsMax) {
    return { code: 'too_long', detail: `has at most ${charsMax} characters` };
  }
  if (!text.isWellFormed()) return { code: 'bad_format', detail: 'holds half of a character (a lone surrogate)' };
  if ((rules.multiline ? controlsButLines : controls).test(text)) {
    const allowed = rules.multiline ? ' other than line breaks and tabs' : '';
    return { code: 'not_allowed', detail: `holds no control characters${allowed}` };
  }
  if (rules.charsMin > 0 && codePoints(text, rules.charsMin) < rules.charsMin) {
    return { code: 'too_short', detail: `has at least ${rules.charsMin} characters` };
  }
  return rules.format === '' || text === '' ? undefined : problemOfFormat(text, rules.format);
}

/** Counts up to `enough`. */
function codePoints(text: string, enough: number): number {
  let count = 0;
  for (const _ of text) {
    count += 1;
    if (count >= enough) break;
  }
  return count;
}

interface Format {
  readonly pattern: RegExp;
  readonly detail: string;
}

/** The formats that FieldRules.format may name. */
export const textFormats: Readonly<Record<string, Format>> = {
  // The e-mail address of HTML's <input type=email>, with a dot in the domain.
  email: {
    pattern:
      /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$/,
    detail: 'is an e-mail address, e.g. asha@example.org',
  },
  currency: { pattern: /^[A-Z]{3}$/, detail: 'is an ISO 4217 currency code, e.g. INR' },
  language: {
    pattern: /^[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|\d{3}))?$/,
    detail: 'is a BCP 47 language tag, e.g. en or hi-IN',
  },
  id: { pattern: /^[A-Za-z0-9_-]{1,64}$/, detail: 'is an id: letters, digits, _ and -, at most 64' },
  slug: {
    pattern: /^[a-z0-9]+(?:-[a-z0-9]+)*$/,
    detail: 'is lower-case words and digits joined by -, e.g. one-purchase',
  },
  url: { pattern: /^https?:\/\/[^\s/?#@]+(?:[/?#]\S*)?$/, detail: 'is an http or https address' },
};

function problemOfFormat(text: string, name: string): Problem | undefined {
  const format = textFormats[name];
  if (format === undefined)
    throw new Error(`There is no text format "${name}"; known are ${Object.keys(textFormats)}.`);
  const fits = format.pattern.test(text) && (name !== 'url' || URL.canParse(text));
  return fits ? undefined : { code: 'bad_format', detail: format.detail };
}
