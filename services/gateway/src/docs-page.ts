/** The API document as a page that needs nothing else: no script, no outside asset. */
import { refusals } from '@suuupra/contracts/errors';
import { type OpenApiDocument, type OpenApiOperation, retryRule } from './openapi.ts';

type Json = Readonly<Record<string, unknown>>;

export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ path, verb: verb.toUpperCase(), operation })),
  );
  const byTag = Map.groupBy(operations, ({ operation }) => operation.tags[0] ?? '');
  const tags = [...byTag].sort(([a], [b]) => (a < b ? -1 : 1));
  const contents = tags.map(([tag]) => `<li><a href="#${escaped(tag)}">${escaped(tag)}</a></li>`);
  const sections = tags.map(([tag, those]) => {
    const parts = those.map(({ path, verb, operation }) => operationPart(path, verb, operation));
    return `<section id="${escaped(tag)}"><h2>${escaped(tag)}</h2>${parts.join('')}</section>`;
  });
  const body = [
    '<h1>Suuupra API</h1>',
    '<p>Made from the contracts that run. The same as data: <a href="/api/v1/openapi.json">OpenAPI 3.1</a>.</p>',
    `<nav aria-label="Parts"><ul>${contents.join('')}<li><a href="#schemas">types</a></li><li><a href="#problems">problems</a></li></ul></nav>`,
    ...sections,
    schemasPart(document.components.schemas),
    problemsPart(),
  ];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Suuupra API</title><style>${style}</style></head><body><main>${body.join('\n')}</main></body></html>`;
}

const style = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:60rem;margin:auto;padding:1.5rem}
h2{margin-top:3rem;border-bottom:1px solid #8886}nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:0;list-style:none}
article{margin:1.5rem 0;padding:1rem;border:1px solid #8886;border-radius:.5rem}article h3{margin:0;font-size:1rem;overflow-wrap:anywhere}
code,pre{font:14px/1.5 ui-monospace,monospace}pre{overflow:auto;background:#8881;padding:.75rem;border-radius:.375rem;margin:.5rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}dt{font-weight:600}dd{margin:0}.verb{font-weight:700;margin-right:.5rem}
:target{outline:2px solid Highlight;outline-offset:.25rem}`;

function operationPart(path: string, verb: string, operation: OpenApiOperation): string {
  const parameters = operation.parameters.map((parameter) => {
    const needed = parameter.required === true ? ', required' : '';
    const schema = shortSchema(parameter.schema as Json);
    return `<dt><code>${escaped(String(parameter.name))}</code></dt><dd>${escaped(`${String(parameter.in)}${needed}: ${schema}`)}</dd>`;
  });
  const content = (operation.requestBody?.content as Record<string, Json> | undefined) ?? {};
  const bodySchema = content['application/json']?.schema as Json | undefined;
  const responses = Object.entries(operation.responses).map(
    ([status, response]) => `<dt>${escaped(status)}</dt><dd>${responseText(response)}</dd>`,
  );
  return [
    `<article id="${escaped(operation.operationId)}"><h3><span class="verb">${verb}</span><code>${escaped(path)}</code></h3>`,
    `<p>${escaped(operation.summary)} <em>(${escaped(operation['x-access'])})</em></p>`,
    parameters.length > 0 ? `<dl>${parameters.join('')}</dl>` : '',
    bodySchema === undefined ? '' : `<pre>${linked(bodySchema)}</pre>`,
    `<dl>${responses.join('')}</dl></article>`,
  ].join('');
}

function responseText(response: Json): string {
  const content = (response.content as Record<string, Json> | undefined) ?? {};
  const schema = content['application/json']?.schema as Json | undefined;
  return schema === undefined ? escaped(String(response.description)) : `<code>${linked(schema)}</code>`;
}

function shortSchema(schema: Json): string {
  const { type, enum: words, maxLength, minimum, maximum } = schema;
  const bounds = [
    maxLength === undefined ? '' : `at most ${String(maxLength)} characters`,
    minimum === undefined ? '' : `from ${String(minimum)}`,
    maximum === undefined ? '' : `to ${String(maximum)}`,
  ].filter((text) => text !== '');
  if (Array.isArray(words)) return words.join(' | ');
  return [String(type ?? ''), ...bounds].join(', ');
}

function schemasPart(schemas: Readonly<Record<string, Json>>): string {
  const parts = Object.entries(schemas).map(
    ([name, schema]) =>
      `<article id="type-${escaped(name)}"><h3>${escaped(name)}</h3><pre>${linked(schema)}</pre></article>`,
  );
  return `<section id="schemas"><h2>types</h2>${parts.join('')}</section>`;
}

/** The schema as text, with each reference a link to its type. */
function linked(schema: Json): string {
  const reference = /&quot;\$ref&quot;: &quot;#\/components\/schemas\/(\w+)&quot;/g;
  return escaped(JSON.stringify(schema, null, 1)).replaceAll(reference, '<a href="#type-$1">$1</a>');
}

function problemsPart(): string {
  const rows = Object.entries(refusals).map(
    ([code, kind]) =>
      `<dt id="problem-${code}"><code>${code}</code></dt><dd>${kind.http}: ${escaped(kind.title)}.${kind.retryable ? ' The same request may succeed later.' : ''}</dd>`,
  );
  return `<section id="problems"><h2>problems</h2><p>${escaped(retryRule)}</p><dl>${rows.join('')}</dl></section>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
