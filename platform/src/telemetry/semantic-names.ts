/**
 * Names of attributes and fields that others give them: OpenTelemetry's semantic conventions (1.45) on spans, the Elastic
 * Common Schema (9) in log lines. Only those that this platform writes.
 */
export const span = {
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  urlScheme: 'url.scheme',
  errorType: 'error.type',
  rpcSystem: 'rpc.system.name',
  rpcMethod: 'rpc.method',
  rpcStatus: 'rpc.status_code',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  dbSystem: 'db.system.name',
  dbNamespace: 'db.namespace',
  dbOperation: 'db.operation.name',
  dbCollection: 'db.collection.name',
  dbSummary: 'db.query.summary',
  s3Bucket: 'aws.s3.bucket',
  messagingSystem: 'messaging.system.name',
  messagingDestination: 'messaging.destination.name',
  messagingPartition: 'messaging.destination.partition.id',
  messagingOperation: 'messaging.operation.name',
  messagingOperationType: 'messaging.operation.type',
  messagingGroup: 'messaging.consumer.group.name',
  messageId: 'messaging.message.id',
  conversationId: 'messaging.message.conversation_id',
  // Ours: no convention names these.
  caller: 'suuupra.rpc.caller',
  requestId: 'suuupra.request.id',
  eventType: 'suuupra.event.type',
  rpcResends: 'suuupra.rpc.resends',
  dbStatements: 'suuupra.db.statements',
  dbOutcome: 'suuupra.db.outcome',
} as const;

/** The stream as a messaging system: no convention has a name for the one in PostgreSQL. */
export type MessagingSystem = 'kafka' | 'suuupra_stream';

export const resource = {
  serviceName: 'service.name',
  serviceNamespace: 'service.namespace',
  serviceInstance: 'service.instance.id',
  serviceVersion: 'service.version',
} as const;

/** What our code calls a field -> where ECS keeps it. The others go below `suuupra`. */
export const logFields: Readonly<Record<string, string>> = {
  requestId: 'http.request.id',
  traceId: 'trace.id',
  spanId: 'span.id',
};
