import fc from 'fast-check';
import { type DefaultTreeAdapterTypes, parseFragment } from 'parse5';
import { describe, expect, it } from 'vitest';
import { renderInline, renderMarkdown } from './markdown.ts';

function html(markdown: string): string {
  return renderMarkdown(markdown)?.html ?? 'unreadable';
}

const allowedTags = new Set(
  `h2 h3 h4 h5 h6 p br hr blockquote pre code kbd samp var em strong del ins s mark sub sup small abbr ul ol li dl dt dd
  a img figure figcaption table caption thead tbody tr th td details summary`.split(/\s+/),
);
const allowedAttributes = new Set('id href rel title class src alt loading decoding start align'.split(' '));
const allowedValues: Readonly<Record<string, RegExp>> = {
  href: /^(https?:\/\/[^/\\]|mailto:|\/(?![/\\])|#)/i,
  src: /^(https:\/\/[^/\\]|\/api\/v1\/files\/[\w-]+$)/i,
  id: /^h-/,
  class: /^language-/,
};

/** What a browser would make of the HTML that must not be there; the parser follows the rules of browsers. */
function liveMarkup(markup: string): string[] {
  const found: string[] = [];
  const visit = (node: DefaultTreeAdapterTypes.Node) => {
    if ('tagName' in node) {
      if (!allowedTags.has(node.tagName)) found.push(`<${node.tagName}>`);
      for (const { name, value } of node.attrs) {
        if (!allowedAttributes.has(name)) found.push(`${node.tagName} ${name}`);
        if (allowedValues[name]?.test(value) === false) found.push(`${name}=${value}`);
      }
    }
    if ('childNodes' in node) node.childNodes.forEach(visit);
  };
  visit(parseFragment(markup));
  return found;
}

const hostile = [
  '<script>alert(1)</script>',
  '<SCRIPT SRC=//evil.test/x.js></SCRIPT>',
  '<img src=x onerror=alert(1)>',
  '<img src="javascript:alert(1)">',
  '<IMG """><SCRIPT>alert(1)</SCRIPT>">',
  '<svg onload=alert(1)><script>alert(1)</script></svg>',
  '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
  '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>',
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
  '<iframe src="https://evil.test"></iframe><iframe srcdoc="<script>alert(1)</script>">',
  '<object data="javascript:alert(1)"></object><embed src="x"><applet code=x>',
  '<form action="https://evil.test"><input name=password><button formaction=javascript:alert(1)>go</button></form>',
  '<a href="javascript:alert(1)">x</a>',
  '<a href="jAvAsCrIpT:alert(1)">x</a>',
  '<a href="java\tscript:alert(1)">x</a>',
  '<a href="java&#10;script:alert(1)">x</a>',
  '<a href="&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)">x</a>',
  '<a href=" &#14; javascript:alert(1)">x</a>',
  '<a href="data:text/html,<script>alert(1)</script>">x</a>',
  '<a href="vbscript:msgbox(1)">x</a>',
  '<a href="//evil.test">x</a>',
  '<a href="/\\evil.test">x</a>',
  '<a href="/&#9;/evil.test">x</a>',
  '<a href="https:javascript:alert(1)">x</a>',
  '<a href="x" onclick="alert(1)" style="background:url(javascript:alert(1))">x</a>',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert`1`)',
  '[x](&#x6A;avascript:alert(1))',
  '[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)',
  '[x](<javascript:alert(1)>)',
  '![x](javascript:alert(1))',
  '![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)',
  '![x](http://evil.test/x.png)',
  '![x](/api/v1/files/../sessions "title")',
  '![x](/api/v1/files/a?b=c)',
  '![" onerror="alert(1)](/api/v1/files/f1 "\\" onload=\\"alert(1)")',
  '![a](/api/v1/files/f1 "<script>alert(1)</script>")',
  '# <img src=x onerror=alert(1)>',
  '<h2 id="app">clobber</h2>',
  '<a id="location" name="body">clobber</a>',
  '```"><script>alert(1)</script>\ncode\n```',
  '```js onload=alert(1)\n</code></pre><script>alert(1)</script>\n```',
  '`<script>alert(1)</script>`',
  '<style>@import "https://evil.test/x.css"; body{display:none}</style>',
  '<link rel=stylesheet href=https://evil.test/x.css><meta http-equiv=refresh content="0;url=https://evil.test">',
  '<base href="https://evil.test/">',
  '<template><img src=x onerror=alert(1)></template>',
  '<textarea><img title="</textarea><img src=x onerror=alert(1)>"></textarea>',
  '<title><img title="</title><img src=x onerror=alert(1)>">',
  '<!--><script>alert(1)</script>-->',
  '<!--[if gte IE 4]><script>alert(1)</script><![endif]-->',
  '<![CDATA[<script>alert(1)</script>]]>',
  '<?xml version="1.0"?><?php echo 1 ?>',
  '<div style="position:fixed;inset:0">overlay</div>',
  '<p class="admin" data-x="1" contenteditable draggable=true ondragstart=alert(1)>x</p>',
  '<video src=x onerror=alert(1)><source onerror=alert(1)></video><audio src=x onerror=alert(1)>',
  '<details open ontoggle=alert(1)><summary>x</summary></details>',
  '<table background="javascript:alert(1)"><td background="javascript:alert(1)">x</td></table>',
  '<img src="/api/v1/files/f1" srcset="https://evil.test/x 2x" usemap="#m"><map name=m><area href=javascript:alert(1)></map>',
  '<img src=`javascript:alert(1)`>',
  '<<script>alert(1)//<</script>',
  '<img src=x:x onerror\n=alert(1)>',
  '<a href=\u0001javascript:alert(1)>x</a>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '<xss id=x tabindex=1 onfocus=alert(1)></xss>',
  '<select><style></select><img src=x onerror=alert(1)></style>',
  '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
  '<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
  '[a]: javascript:alert(1)\n\n[a]',
  '<javascript:alert(1)>',
  '<https://ok.test/" onmouseover="alert(1)>',
  '|<script>alert(1)</script>|<img src=x onerror=alert(1)>|\n|-|-|\n|[x](javascript:alert(1))|<b onclick=alert(1)>x</b>|',
];

describe('rendering of Markdown', () => {
  it.each(hostile)('leaves nothing live of %s', (markdown) => {
    expect(liveMarkup(html(markdown))).toEqual([]);
    expect(liveMarkup(renderInline(markdown)?.html ?? '')).toEqual([]);
    // What was shown once may be pasted back.
    expect(liveMarkup(html(html(markdown)))).toEqual([]);
  });

  it('leaves nothing live of hostile texts joined in any order', () => {
    const joints = ['\n\n', '"', "'", '>', '<!--', '```', '`', '|', '> '];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...hostile, ...joints), { maxLength: 8 }), (parts) => {
        expect(liveMarkup(html(parts.join('')))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('sets headings below that of the page, with ids of their own that links find', () => {
    expect(html('# One\n\n## One\n\n###### Six\n\n[to](#one)')).toBe(
      '<h2 id="h-one">One</h2>\n<h2 id="h-one-2">One</h2>\n<h6 id="h-six">Six</h6>\n' +
        '<p><a href="#h-one" rel="noopener noreferrer nofollow">to</a></p>\n',
    );
  });

  it('makes a figure of an image that stands alone and has a title', () => {
    const rendered = renderMarkdown('![What it shows](/api/v1/files/fil_1 "The caption")');
    expect(rendered?.html).toBe(
      '<figure><img src="/api/v1/files/fil_1" alt="What it shows" loading="lazy" decoding="async" />' +
        '<figcaption>The caption</figcaption></figure>\n',
    );
    expect(rendered?.fileIds).toEqual(['fil_1']);
  });

  it('keeps tables with their alignment, code with its language, lists with their start, tasks as signs', () => {
    expect(html('|a|b|\n|:-|-:|\n|1|2|')).toContain('<td align="right">2</td>');
    expect(html('```ts\nconst a = 1 < 2;\n```')).toBe(
      '<pre><code class="language-ts">const a = 1 &lt; 2;\n</code></pre>\n',
    );
    expect(html('3. three\n4. four')).toContain('<ol start="3">');
    expect(html('- [x] done\n- [ ] open')).toContain('☑ done');
    expect(html('- [x] done\n- [ ] open')).toContain('☐ open');
  });

  it('gives the readable text, block by block', () => {
    const rendered = renderMarkdown('## Two & three\n\nA *b* `c<d>`\n\n|x|y|\n|-|-|\n|1|2|');
    expect(rendered?.text.split('\n').map((line) => line.trim())).toEqual([
      'Two & three',
      'A b c<d>',
      'x',
      'y',
      '1',
      '2',
    ]);
  });

  it('never makes what a database cannot keep: U+0000 or half a character', () => {
    for (const markdown of [
      '&#0; &#xD800; &#xDFFF;',
      '<p title="&#0;">a&#0;b</p>',
      '`&#0;`',
      '<b>\0</b>',
      '[a](/x&#0;)',
    ]) {
      const rendered = renderMarkdown(markdown);
      for (const text of [rendered?.html ?? '', rendered?.text ?? '']) {
        expect(text).not.toContain('\0');
        expect(text.isWellFormed()).toBe(true);
      }
    }
  });

  it('calls unreadable what would keep a parser busy, at once', () => {
    const size = 200_000;
    const knots = [
      '[',
      '*a',
      '_a_',
      '**a ',
      '`a',
      '<a ',
      '> ',
      '- ',
      '1. ',
      'a\n> b\n',
      '![a](b "',
      '***a',
      '[a][',
      '~~a',
    ];
    const startedMs = performance.now();
    for (const knot of knots) expect(renderMarkdown(knot.repeat(size / knot.length))).toBeUndefined();
    const nested = Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth * 2)}- a`).join('\n');
    expect(renderMarkdown(nested)).toBeUndefined();
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  it('reads long honest text', () => {
    const paragraph = 'A *word* of `code`, a [link](https://a.test) and **more**. '.repeat(40);
    expect(renderMarkdown(`## Part\n\n${paragraph}\n\n`.repeat(60))?.html).toContain('<em>word</em>');
  });
});
