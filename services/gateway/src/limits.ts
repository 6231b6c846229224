/** Every limit of the gateway, by name, with its reason. */
export interface GatewayLimits {
  /** A JSON body; the largest of ours, a lesson, has 200,000 characters. */
  readonly bodyBytesMax: number;
  /** A JSON body arrives within this, or its sender is too slow to wait for. */
  readonly bodyMsMax: number;
  /** Headers arrive within this. */
  readonly headersMsMax: number;
  readonly headerBytesMax: number;
  readonly headersCountMax: number;
  /** Path and query together. */
  readonly urlCharsMax: number;
  readonly connectionsMax: number;
  readonly requestsPerConnectionMax: number;
  /** Longer than the 60 s after which load balancers close an idle connection, so that they do it first. */
  readonly keepAliveMs: number;
  /** A call to a service, from the moment it is known to the moment it must be answered. */
  readonly callMsMax: number;
  /** A raw route that is not declared as lasting. */
  readonly rawMsMax: number;
  /** A connection of a lasting route on which nothing moves. */
  readonly idleMsMax: number;
  /** How long the rest of a body that nobody wants is thrown away before the connection is closed. */
  readonly discardMsMax: number;
  /** How long a positive answer about a session may be believed. */
  readonly sessionCacheMs: number;
  readonly sessionsCachedMax: number;
  readonly answersCachedBytesMax: number;
  readonly answersCachedMax: number;
  /** Smaller answers gain nothing from compression. */
  readonly compressBytesMin: number;
  /** Compressions at once; more answers than that go out as they are. */
  readonly compressionsMax: number;
  readonly requests: RateLimit;
  readonly mutations: RateLimit;
  readonly signIns: RateLimit;
  readonly signInsPerAddress: RateLimit;
  readonly readinessMsMax: number;
}

export interface RateLimit {
  /** The policy's name in the RateLimit fields. */
  readonly name: string;
  readonly limit: number;
  readonly periodMs: number;
}

export const defaultLimits: GatewayLimits = {
  bodyBytesMax: 1024 * 1024,
  bodyMsMax: 15_000,
  headersMsMax: 10_000,
  headerBytesMax: 16 * 1024,
  headersCountMax: 100,
  urlCharsMax: 8_192,
  connectionsMax: 10_000,
  requestsPerConnectionMax: 10_000,
  keepAliveMs: 65_000,
  callMsMax: 10_000,
  rawMsMax: 30_000,
  idleMsMax: 120_000,
  discardMsMax: 5_000,
  sessionCacheMs: 2_000,
  sessionsCachedMax: 20_000,
  answersCachedBytesMax: 16 * 1024 * 1024,
  answersCachedMax: 2_000,
  compressBytesMin: 1_024,
  compressionsMax: 8,
  requests: { name: 'client', limit: 3_000, periodMs: 10_000 },
  mutations: { name: 'mutations', limit: 600, periodMs: 10_000 },
  signIns: { name: 'sign-in', limit: 300, periodMs: 60_000 },
  signInsPerAddress: { name: 'sign-in-address', limit: 30, periodMs: 60_000 },
  readinessMsMax: 2_000,
};
