/** What the gateway answers: methods of the contracts, and raw routes of the services and its own. */
import type { DescService } from '@bufbuild/protobuf';
import { Access } from '@suuupra/contracts/gen/suuupra/options/v1/options_pb.ts';
import { type HttpBinding, httpBindingOf } from '@suuupra/platform/http/annotation';
import type { RawRoute } from '@suuupra/platform/http/route';
import { rulesOf } from '@suuupra/platform/rpc/access';
import type { Transport, UnaryMethod } from '@suuupra/platform/rpc/transport';
import type { Priority } from './shedding.ts';
import { type Transcoder, transcoderOf } from './transcode.ts';

interface CommonRoute {
  readonly verb: string;
  /** As declared: `/api/v1/courses/{id}`. What metrics and spans call the route. */
  readonly template: string;
  readonly access: AccessRule;
  readonly priority: Priority;
  /** Path, query and body are looked through for card data before anything is read; of a raw route not the body. */
  readonly refusesCardData: boolean;
}

/** What rpc/access.ts decides by. */
export interface AccessRule {
  readonly access: Access;
  readonly roles: string[];
  readonly callers: string[];
}

export interface MethodRoute extends CommonRoute {
  readonly kind: 'method';
  readonly method: UnaryMethod;
  readonly binding: HttpBinding;
  readonly transport: Transport;
  readonly transcoder: Transcoder;
  readonly successStatus: number;
  /** The answer is the same for everybody for this long; 0 for one that is not. */
  readonly publicCacheMs: number;
}

export interface RawHttpRoute extends CommonRoute {
  readonly kind: 'raw';
  readonly raw: RawRoute;
  /** Health checks and metrics answer under any load, to whoever asks how often. */
  readonly unlimited: boolean;
}

export type Route = MethodRoute | RawHttpRoute;

/** Throws where a method that only services may call has a way in from outside. */
export function methodRoutes(service: DescService, transport: Transport): MethodRoute[] {
  return service.methods.flatMap((method) => {
    const binding = httpBindingOf(method);
    if (binding === undefined) return [];
    const rules = rulesOf(method);
    if (rules.access === Access.SERVICES || rules.access === Access.UNSPECIFIED) {
      throw new Error(`${service.typeName}.${method.name} has an HTTP route but is not open to anybody outside.`);
    }
    const unary = method as UnaryMethod;
    return [
      {
        kind: 'method' as const,
        verb: binding.verb,
        template: binding.path,
        access: rules,
        priority: priorityOf(service.typeName, binding.verb, rules.access),
        method: unary,
        binding,
        transport,
        transcoder: transcoderOf(unary, binding),
        successStatus: rules.successStatus || 200,
        publicCacheMs: binding.verb === 'GET' ? rules.publicCacheSeconds * 1_000 : 0,
        refusesCardData: paying.test(service.typeName) || rules.refusals.includes('card_data_refused'),
      },
    ];
  });
}

const paying = /^suuupra\.payments\./;
const payingPath = '/api/v1/payments/';

const critical = /^suuupra\.(?:payments|orders|identity)\./;

function priorityOf(typeName: string, verb: string, access: Access): Priority {
  if (critical.test(typeName)) return 'critical';
  return verb === 'GET' && access === Access.PUBLIC ? 'browse' : 'normal';
}

export function rawRoute(raw: RawRoute, unlimited = false): RawHttpRoute {
  const open = raw.access === 'public';
  return {
    kind: 'raw',
    verb: raw.method,
    template: raw.path,
    access: {
      access: open ? Access.PUBLIC : raw.access === 'signed_in' ? Access.SIGNED_IN : Access.ROLES,
      roles: typeof raw.access === 'string' ? [] : [...raw.access.roles],
      callers: [],
    },
    // A route that authenticates in its own way is another machine's: a payment provider's webhook.
    priority: unlimited || raw.csrfExempt === true ? 'critical' : open && raw.method === 'GET' ? 'browse' : 'normal',
    refusesCardData: raw.path.startsWith(payingPath),
    raw,
    unlimited,
  };
}
