import { type FileHandle, open, rename, rm } from "node:fs/promises";
import path from "node:path";

/** Where audio goes; until it is whole the file has another name, so that half of it never looks like all of it. */
export interface AudioFile {
  write(bytes: Uint8Array): Promise<void>;
  /** Gives the file its name. A WAV file is told its length. */
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  discard(): Promise<void>;
}

/** Begins a file; one that is there stays until the new one is whole. */
export async function beginAudioFile(file: string): Promise<AudioFile> {
  const part = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.part`);
  const handle = await open(part, "w+");
  return {
    write: async (bytes) => void (await handle.write(bytes)),
    async finish() {
      await closeWav(handle);
      await handle.close();
      await rename(part, file);
    },
    async discard() {
      await handle.close().catch(() => undefined);
      await rm(part, { force: true });
    },
  };
}

/** The size that a WAV file of a stream has, whose end is not known. */
const unknownSize = 0xffffffff;

/** Puts the real lengths into a WAV file whose header was written before its end was known. */
async function closeWav(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  const head = Buffer.alloc(Math.min(size, 4096));
  await handle.read(head, 0, head.length, 0);
  const data = dataChunkOf(head);
  if (data === undefined || head.readUInt32LE(data + 4) !== unknownSize) return;
  await writeSize(handle, 4, size - 8);
  await writeSize(handle, data + 4, size - data - 8);
}

/** Where the chunk of the samples begins; undefined in what is no WAV file. */
function dataChunkOf(head: Buffer): number | undefined {
  if (head.toString("latin1", 0, 4) !== "RIFF" || head.toString("latin1", 8, 12) !== "WAVE") return undefined;
  let at = 12;
  while (at + 8 <= head.length && head.toString("latin1", at, at + 4) !== "data") {
    const length = head.readUInt32LE(at + 4);
    at += 8 + length + (length % 2);
  }
  return at + 8 <= head.length ? at : undefined;
}

async function writeSize(handle: FileHandle, position: number, size: number): Promise<void> {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(size);
  await handle.write(bytes, 0, 4, position);
}
