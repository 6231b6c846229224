import {
  CourseCreatedSchema,
  ReleasePublishedSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import { defineService } from '@suuupra/platform/service';
import type { Content } from './content.ts';
import { fileRouteDeclarations, fileRoutes } from './file-routes.ts';
import { Instructors } from './instructors.ts';
import { contentRpc } from './rpc.ts';
import { collections, Store } from './store.ts';

/** What is taught: drafts that authors change, releases that nobody does, and the files they show. */
export const content = defineService({
  name: 'content',
  provides: [ContentService],
  calls: { identity: IdentityService, learning: LearningService },
  engines: ['documents', 'objects'],
  consumes: [],
  publishes: [CourseCreatedSchema, ReleasePublishedSchema],
  routes: fileRouteDeclarations,
  start: async ({ engines, clients, world, telemetry }) => {
    await engines.documents.define(collections);
    const parts: Content = {
      store: new Store(engines.documents),
      objects: engines.objects,
      learning: clients.learning,
      instructors: new Instructors({ identity: clients.identity, world, log: telemetry.log }),
      world,
      telemetry,
    };
    return { implementations: [contentRpc(parts)], routes: fileRoutes(parts) };
  },
});
