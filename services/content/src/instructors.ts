/** Names of instructors, which identity owns: asked in bulk and kept for a minute, so that a list costs at most one call. */
import type { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { type CallContext, type Client, isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { LRUCache } from 'lru-cache';

/** How long a changed name may still be shown. */
const keptMs = 60_000;
const keptMax = 5_000;
/** What GetUsers takes at once; also the largest page. */
const idsPerCallMax = 100;

interface Kept {
  readonly name: string;
  readonly atMs: number;
}

export interface InstructorSurroundings {
  readonly identity: Pick<Client<typeof IdentityService>, 'getUsers'>;
  readonly world: Pick<World, 'now'>;
  readonly log: Log;
}

export class Instructors {
  readonly #surroundings: InstructorSurroundings;
  readonly #kept = new LRUCache<string, Kept>({ max: keptMax });

  constructor(surroundings: InstructorSurroundings) {
    this.#surroundings = surroundings;
  }

  /**
   * The names by id; '' for a user that identity does not know. When identity does not answer, the last name heard
   * stands in, else '': a catalogue without a name is better than no catalogue.
   */
  async names(ids: readonly string[], context: CallContext): Promise<ReadonlyMap<string, string>> {
    const wanted = [...new Set(ids)];
    const now = this.#surroundings.world.now();
    const stale = wanted.filter((id) => now - (this.#kept.get(id)?.atMs ?? -keptMs) >= keptMs);
    for (let at = 0; at < stale.length; at += idsPerCallMax) {
      await this.#refresh(stale.slice(at, at + idsPerCallMax), context);
    }
    return new Map(wanted.map((id) => [id, this.#kept.get(id)?.name ?? '']));
  }

  async #refresh(ids: readonly string[], context: CallContext): Promise<void> {
    const { identity, world, log } = this.#surroundings;
    try {
      const answer = await identity.getUsers(
        { ids: [...ids] },
        { context, principal: { kind: 'service', name: 'content' } },
      );
      if (isRefusal(answer)) throw new Error(`identity refused the names of instructors: ${answer.code}`);
      const names = new Map(answer.users.map((user) => [user.id, user.displayName]));
      for (const id of ids) this.#kept.set(id, { name: names.get(id) ?? '', atMs: world.now() });
    } catch (error) {
      log.warn('names of instructors are not available', { error, requestId: context.requestId });
    }
  }
}
