import { ReleasePublishedSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import { SearchService } from '@suuupra/contracts/gen/suuupra/search/v1/search_pb.ts';
import { implement } from '@suuupra/platform/rpc/rpc';
import { defineService, on } from '@suuupra/platform/service';
import { Indexer } from './indexer.ts';
import { Searching } from './searching.ts';

/** Finds courses and lessons. Everything it holds is derived from releases. */
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
    const { log } = telemetry;
    const indexer = new Indexer({ sql, index, content: clients.content, world, log });
    const courseIds = () => indexer.courseIds();
    const searching = new Searching({ index, learning: clients.learning, courseIds, world, log });
    await indexer.load();
    return {
      implementations: [implement(SearchService, { search: (request, context) => searching.search(request, context) })],
      handlers: [on(ReleasePublishedSchema, ({ event, tx }) => indexer.markDirty(tx, event.courseId, event.release))],
      begin: () => indexer.begin(),
      stop: () => indexer.stop(),
    };
  },
});
