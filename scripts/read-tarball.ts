// Reads npm's tarballs as they come: gunzip, then the ustar format (POSIX.1-1988), so that of 288 MB only what is
// wanted is ever written, and no program beside node is needed.
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";

/** A file in a tarball. */
export interface PackedFile {
  /** Without npm's leading `package/`. */
  readonly path: string;
  readonly bytes: Buffer;
}

/** The files whose path is wanted. Throws when the tarball is broken. */
export async function* readTarball(file: string, isWanted: (path: string) => boolean): AsyncGenerator<PackedFile> {
  const blocks = new ByteReader(gunzip(file));
  for (;;) {
    const header = await blocks.read(512);
    const name = text(header, 0, 100);
    if (name === "") return;
    const size = Number.parseInt(text(header, 124, 12), 8);
    if (Number.isNaN(size)) throw new Error(`${file} is not a tarball`);
    const prefix = text(header, 345, 155);
    const path = (prefix === "" ? name : `${prefix}/${name}`).replace(/^[^/]+\//, "");
    const isFile = ["0", ""].includes(text(header, 156, 1)) && isWanted(path);
    const bytes = await (isFile ? blocks.read(size) : blocks.skip(size));
    await blocks.skip((512 - (size % 512)) % 512);
    if (bytes) yield { path, bytes };
  }
}

function gunzip(file: string): AsyncIterator<Buffer> {
  const output = createGunzip({ chunkSize: 1024 * 1024 });
  // An error of either destroys the other, and is thrown by the one that is read.
  pipeline(createReadStream(file), output, () => undefined);
  return output[Symbol.asyncIterator]();
}

function text(header: Buffer, start: number, length: number): string {
  return header.toString("latin1", start, start + length).replace(/\0.*$/s, "");
}

/** Takes bytes off a stream in the sizes that are asked for. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterator<Buffer>) {
    this.#source = source;
  }

  async read(size: number): Promise<Buffer> {
    const bytes = Buffer.alloc(size);
    for (let filled = 0; filled < size; ) filled += (await this.#take(size - filled)).copy(bytes, filled);
    return bytes;
  }

  async skip(size: number): Promise<undefined> {
    for (let left = size; left > 0; ) left -= (await this.#take(left)).length;
  }

  async #take(most: number): Promise<Buffer> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done) throw new Error("a tarball ends too early");
      this.#chunk = next.value;
    }
    const taken = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(taken.length);
    return taken;
  }
}
