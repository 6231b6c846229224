/**
 * grpc.health.v1 on both sides. A server answers Check and keeps every Watch told; a client keeps one Watch open at each
 * instance, so it learns at once that an instance leaves (gRPC's A17; grpc-js has no health checking of its own).
 */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  type Client,
  Metadata,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { grpcStatus } from '@suuupra/contracts/errors';

const checkPath = '/grpc.health.v1.Health/Check';
const watchPath = '/grpc.health.v1.Health/Watch';

/** `healthy` is asked this often while anybody watches. */
const lookEveryMs = 500;
/** One for each client process; more are turned away. */
const watchesMax = 2_000;

export interface HealthService {
  /** Says that this server takes no more calls. Resolves to true when somebody was told. */
  leave(): boolean;
  /** Ends the watches, which would else hold their connections open. */
  end(): void;
}

/** Messages are encoded and decoded here: there are three of them, of one field each. */
export function sameBytes(bytes: Buffer): Buffer {
  return bytes;
}

export function registerHealth(server: Server, names: ReadonlySet<string>, healthy: () => boolean): HealthService {
  const watches = new Set<ServerWritableStream<Buffer, Buffer>>();
  let leaving = false;
  const isServing = () => !leaving && healthy();
  let told = true;
  const tell = () => {
    if (told === isServing()) return;
    told = !told;
    for (const watch of watches) watch.write(healthAnswer(told));
  };
  const timer = setInterval(tell, lookEveryMs);
  timer.unref();
  server.register(
    checkPath,
    (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      const refusal = refuseHealth(call.request, names);
      if (refusal !== undefined) return answer(refusal);
      answer(null, healthAnswer(isServing()), new Metadata());
    },
    sameBytes,
    sameBytes,
    'unary',
  );
  server.register(
    watchPath,
    (watch: ServerWritableStream<Buffer, Buffer>) => {
      const tooMany = { code: grpcStatus.resourceExhausted, details: 'too many watches' };
      const refusal = refuseHealth(watch.request, names) ?? (watches.size >= watchesMax ? tooMany : undefined);
      if (refusal !== undefined) return watch.emit('error', refusal);
      tell();
      watches.add(watch);
      watch.once('cancelled', () => watches.delete(watch));
      watch.once('close', () => watches.delete(watch));
      watch.write(healthAnswer(told));
    },
    sameBytes,
    sameBytes,
    'serverStream',
  );
  return {
    leave: () => {
      leaving = true;
      tell();
      return watches.size > 0;
    },
    end: () => {
      clearInterval(timer);
      for (const watch of watches) watch.end();
    },
  };
}

/** HealthCheckResponse { ServingStatus status = 1; } with SERVING = 1, NOT_SERVING = 2. */
function healthAnswer(serving: boolean): Buffer {
  return Buffer.from([0x08, serving ? 1 : 2]);
}

function refuseHealth(request: Buffer, names: ReadonlySet<string>): Pick<StatusObject, 'code' | 'details'> | undefined {
  const name = firstField(request, (reader) => reader.string(), '');
  if (name === undefined) return { code: grpcStatus.invalidArgument, details: 'not a health request' };
  return name === '' || names.has(name) ? undefined : { code: grpcStatus.notFound, details: 'unknown service' };
}

/** The last value of field 1, as protobuf has it; undefined for what is no message. */
function firstField<T>(bytes: Buffer, read: (reader: BinaryReader) => T, absent: T): T | undefined {
  try {
    const reader = new BinaryReader(bytes);
    let value = absent;
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1) value = read(reader);
      else reader.skip(wireType);
    }
    return value;
  } catch {
    return undefined;
  }
}

export interface HealthWatch {
  stop(): void;
}

export interface HealthListener {
  /** Told of each answer. */
  said(serving: boolean): void;
  /** The watch is over, and why; another one may be opened. */
  ended(why: string): void;
}

/** Watches the health of a whole server. A server whose first answer does not come in time has ended it. */
export function watchHealth(client: Client, firstMsMax: number, listener: HealthListener): HealthWatch {
  const call = client.makeServerStreamRequest(watchPath, sameBytes, sameBytes, Buffer.alloc(0), new Metadata());
  let over = false;
  const end = (why: string) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    listener.ended(why);
  };
  const timer = setTimeout(() => {
    end('it did not answer in time');
    call.cancel();
  }, firstMsMax);
  timer.unref();
  call.on('data', (bytes: Buffer) => {
    clearTimeout(timer);
    if (!over) listener.said(firstField(bytes, (reader) => reader.uint32(), 0) === 1);
  });
  call.on('error', (error) => end(error.message));
  call.on('status', (status: StatusObject) => end(status.details || `the watch ended with status ${status.code}`));
  return {
    stop: () => {
      over = true;
      clearTimeout(timer);
      call.cancel();
    },
  };
}
