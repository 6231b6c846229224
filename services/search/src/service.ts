import { ReleasePublishedSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import { SearchService } from '@suuupra/contracts/gen/suuupra/search/v1/search_pb.ts';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { implement } from '@suuupra/platform/rpc/rpc';
import { defineService, on } from '@suuupra/platform/service';
import { fillIndex, indexDue, markCourse } from './documents.ts';
import { search as searchFor } from './searching.ts';

const idleMsMax = 5_000;

/** Finds courses and lessons; all it holds is derived from releases. */
export const search = defineService({
  name: 'search',
  provides: [SearchService],
  calls: { content: ContentService, learning: LearningService },
  engines: ['sql', 'search'],
  consumes: [ReleasePublishedSchema],
  publishes: [],
  migrations: new URL('../migrations/', import.meta.url),
  start: async ({ engines, clients, world, telemetry }) => {
    const { sql, search: index } = engines;
    const parts = { sql, index, content: clients.content, world, telemetry };
    let worker: Loop | undefined;
    return {
      implementations: [
        implement(SearchService, {
          search: (request, context) => searchFor({ index, learning: clients.learning }, request, context),
        }),
      ],
      handlers: [
        on(ReleasePublishedSchema, async ({ event, tx }) => {
          await markCourse(tx, event.courseId, world.now());
          tx.afterCommit(() => worker?.nudge());
        }),
      ],
      begin: async () => {
        await fillIndex(parts);
        worker = startLoop({
          round: () => indexDue(parts),
          now: world.now,
          idleMsMax,
          failed: (error) => telemetry.log.warn('indexing failed', { error }),
        });
      },
      stop: async () => {
        await worker?.stop();
      },
    };
  },
});
