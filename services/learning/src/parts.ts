/** What the operations of learning work with. */
import type { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { Client } from '@suuupra/platform/rpc/rpc';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import type { Outlines } from './outlines.ts';

export interface LearningParts {
  readonly sql: Sql;
  readonly content: Client<typeof ContentService>;
  readonly outlines: Outlines;
  readonly world: World;
  readonly log: Log;
  publishIn(tx: SqlTransaction): Publish;
}
