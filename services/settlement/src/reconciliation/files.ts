/** Files as they come: kept in the database in parts, the same bytes once. */
import { createHash } from 'node:crypto';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type Sql, SqlFault, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Desk } from './desk.ts';
import type { FileFormat } from './file-item.ts';

/** A day of a busy account in CAMT.053; what is larger comes in pages. */
export const fileBytesMax = 64 * 1024 * 1024;
const partBytes = 256 * 1024;
/** An upload whose process died is cleared away after this time; no live one lasts as long. */
const receivingMsMax = 60 * 60 * 1_000;

export interface ArrivingFile {
  readonly format: FileFormat;
  readonly source: 'upload' | 'provider' | 'bank';
  readonly name: string;
  readonly by: string;
  readonly simulated: boolean;
  readonly body: AsyncIterable<Uint8Array>;
  /** Written in the transaction that makes the file known. */
  readonly withIt?: (tx: SqlTransaction, fileId: string) => Promise<void>;
}

export interface ReceivedFile {
  readonly id: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Keeps a file whole, or nothing of it. Refuses one that is too large, empty or already here. */
export async function receiveFile(desk: Desk, file: ArrivingFile): Promise<ReceivedFile | Refusal> {
  const { sql, world } = desk;
  const id = world.id('stf');
  await sql.execute(
    `INSERT INTO settlement_files (id, format, source, file_name, status, uploaded_by, simulated, created_at)
     VALUES ($1, $2, $3, $4, 'receiving', $5, $6, $7)`,
    [id, file.format, file.source, file.name, file.by, file.simulated, new Date(world.now())],
  );
  try {
    const kept = await keepParts(sql, id, file.body);
    if (kept === undefined) {
      await forget(sql, id);
      return refuse(
        'payload_too_large',
        `A file has at most ${fileBytesMax / 1024 / 1024} MiB; nothing of it was kept.`,
      );
    }
    const refused = await makeKnown(sql, id, kept, file.withIt);
    if (refused !== undefined) {
      await forget(sql, id);
      return refused;
    }
    desk.nudge();
    return { id, ...kept };
  } catch (error) {
    await forget(sql, id).catch(() => {
      // The sweep of abandoned uploads takes it away; the fault that is thrown says what went wrong.
    });
    throw error;
  }
}

/** Undefined when the limit is passed. */
async function keepParts(
  sql: Sql,
  id: string,
  body: AsyncIterable<Uint8Array>,
): Promise<{ sha256: string; sizeBytes: number } | undefined> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let number = 0;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const keep = async () => {
    await sql.execute('INSERT INTO settlement_file_parts (file_id, number, bytes) VALUES ($1, $2, $3)', [
      ...[id, number, Buffer.concat(held)],
    ]);
    number += 1;
    held = [];
    heldBytes = 0;
  };
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > fileBytesMax) return undefined;
    hash.update(chunk);
    held.push(chunk);
    heldBytes += chunk.byteLength;
    if (heldBytes >= partBytes) await keep();
  }
  if (heldBytes > 0) await keep();
  return { sha256: hash.digest('hex'), sizeBytes };
}

async function makeKnown(
  sql: Sql,
  id: string,
  kept: { readonly sha256: string; readonly sizeBytes: number },
  withIt: ArrivingFile['withIt'],
): Promise<Refusal | undefined> {
  try {
    await sql.transaction(async (tx) => {
      await tx.execute(
        "UPDATE settlement_files SET sha256 = $2, size_bytes = $3, status = 'pending', chain = $2 WHERE id = $1",
        [...[id, kept.sha256, kept.sizeBytes]],
      );
      await withIt?.(tx, id);
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof SqlFault) || error.kind !== 'unique' || error.constraint !== 'settlement_files_once')
      throw error;
    const [first] = await sql.query<{ id: string }>(
      "SELECT id FROM settlement_files WHERE sha256 = $1 AND status IN ('pending', 'processing', 'processed')",
      [kept.sha256],
    );
    return refuse('settlement_file_known', `The same bytes are here as ${first?.id ?? 'another file'}.`);
  }
}

async function forget(sql: Sql, id: string): Promise<void> {
  await sql.transaction(async (tx) => {
    // A commit whose answer was lost may have made the file known: then all of it stays.
    const [row] = await tx.query("SELECT id FROM settlement_files WHERE id = $1 AND status = 'receiving' FOR UPDATE", [
      id,
    ]);
    if (row === undefined) return;
    await tx.execute('DELETE FROM settlement_file_parts WHERE file_id = $1', [id]);
    await tx.execute('DELETE FROM settlement_files WHERE id = $1', [id]);
  });
}

/** Takes away what uploads left whose process died. */
export async function forgetAbandoned({ sql, world }: Desk): Promise<void> {
  const rows = await sql.query<{ id: string }>(
    "SELECT id FROM settlement_files WHERE status = 'receiving' AND created_at < $1 ORDER BY id LIMIT 100",
    [new Date(world.now() - receivingMsMax)],
  );
  for (const { id } of rows) await forget(sql, id);
}

/** The bytes of a file, part by part. */
export async function* fileBytes(sql: Sql, id: string): AsyncGenerator<Uint8Array> {
  for (let number = 0; ; number += 1) {
    const [part] = await sql.query<{ bytes: Buffer }>(
      'SELECT bytes FROM settlement_file_parts WHERE file_id = $1 AND number = $2',
      [id, number],
    );
    if (part === undefined) return;
    yield part.bytes;
  }
}
