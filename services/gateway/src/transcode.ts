/** Between the JSON of a request and the messages of a method. Compiled once for each method. */
import type { Message } from '@bufbuild/protobuf';
import type { HttpBinding } from '@suuupra/platform/http/annotation';
import { jsonReader, readPathValue } from '@suuupra/platform/rpc/json-read';
import { jsonWriter } from '@suuupra/platform/rpc/json-write';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { UnaryMethod } from '@suuupra/platform/rpc/transport';

export interface RequestParts {
  /** Parsed JSON; undefined where there was no body. */
  readonly body: unknown;
  readonly query: URLSearchParams;
  readonly params: Readonly<Record<string, string>>;
}

export interface Transcoder {
  /** The request message, or `invalid_request` with what is wrong with it. */
  read(parts: RequestParts): Message | Refusal;
  write(answer: Message): string;
}

export function transcoderOf(method: UnaryMethod, binding: HttpBinding): Transcoder {
  const reader = jsonReader(
    method.input,
    binding.pathFields.map((field) => field.name),
  );
  const write = jsonWriter(method.output);
  return {
    read: ({ body, query, params }) => {
      const unread = binding.body ? refuseQuery(query) : refuseBody(body);
      if (unread !== undefined) return unread;
      const message = binding.body ? reader.read(body === undefined ? {} : body) : reader.readQuery(query);
      return isRefusal(message) ? message : withPath(message, binding, params);
    },
    write: (answer) => write(answer as never),
  };
}

function refuseQuery(query: URLSearchParams): Refusal | undefined {
  const [name] = query.keys();
  return name === undefined
    ? undefined
    : refuse('invalid_request', 'This takes its fields from the body, not from the query string.', [
        {
          field: name.replace(/[^ -~]/gu, '?').slice(0, 80),
          code: 'unknown_field',
          detail: 'is not known; there are no parameters here',
        },
      ]);
}

/** An empty object is as good as no body. */
function refuseBody(body: unknown): Refusal | undefined {
  const empty = typeof body === 'object' && body !== null && !Array.isArray(body) && Object.keys(body).length === 0;
  return body === undefined || empty
    ? undefined
    : refuse('invalid_request', 'This takes no body.', [
        { field: 'body', code: 'not_allowed', detail: 'is absent; fields come by the query string' },
      ]);
}

function withPath(
  message: Message,
  { pathFields }: HttpBinding,
  params: Readonly<Record<string, string>>,
): Message | Refusal {
  for (const field of pathFields) {
    const value = readPathValue(field, params[field.name] ?? '');
    if (isRefusal(value)) return value;
    (message as Message & Record<string, unknown>)[field.localName] = value;
  }
  return message;
}
