/** Every engine that this machine can be given without Docker. A new one: write its file, name it here. */
import { composeGo } from './compose-go.ts';
import type { Engine } from './engine.ts';
import { kafka } from './kafka.ts';
import { mariadb } from './mariadb.ts';
import { mongodb } from './mongodb.ts';
import { mysql } from './mysql.ts';
import { opensearch } from './opensearch.ts';
import { otelCollector } from './otel-collector.ts';
import { postgres } from './postgres.ts';
import { promtool } from './promtool.ts';
import { redis } from './redis.ts';
import { s3 } from './s3.ts';
import { stripeMock } from './stripe-mock.ts';

export const engines: readonly Engine[] = [
  postgres,
  mariadb,
  mysql,
  mongodb,
  stripeMock,
  kafka,
  opensearch,
  redis,
  s3,
  otelCollector,
  promtool,
  composeGo,
];
