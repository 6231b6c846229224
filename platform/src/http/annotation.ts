/** How a method is reached over HTTP, read from its google.api.http annotation. */
import { type DescField, type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { http as httpOption } from '@suuupra/contracts/gen/google/api/annotations_pb.ts';

export interface HttpBinding {
  readonly verb: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `/api/v1/orders/{order_id}/payments`, `/api/v1/payments/{id}:confirm`. */
  readonly path: string;
  /** The fields of the request that come from the path, in its order. */
  readonly pathFields: readonly DescField[];
  /** True when the rest of the request is the JSON body; else it comes from the query string. */
  readonly body: boolean;
}

/** Undefined for a method that is not reached from outside. Throws where the annotation does not fit the request. */
export function httpBindingOf(method: DescMethod): HttpBinding | undefined {
  if (!hasOption(method, httpOption)) return undefined;
  const { pattern, body } = getOption(method, httpOption);
  const where = `${method.parent.typeName}.${method.name}`;
  if (pattern.case === undefined) throw new Error(`${where}: its HTTP annotation has no path.`);
  if (body !== '' && body !== '*') throw new Error(`${where}: an HTTP body is "*" or absent, not "${body}".`);
  const names = [...pattern.value.matchAll(/\{([^}]*)\}/g)].map((found) => found[1] ?? '');
  const pathFields = names.map((name) => {
    const field = method.input.fields.find((each) => each.name === name);
    if (field?.scalar === undefined)
      throw new Error(`${where}: {${name}} of its path is no plain field of the request.`);
    return field;
  });
  return {
    verb: pattern.case.toUpperCase() as HttpBinding['verb'],
    path: pattern.value,
    pathFields,
    body: body === '*',
  };
}
