import { joinBytes } from "./pcm.ts";
import { containerName } from "./sniff.ts";
import { badWav, readWavLayout, type WavLayout } from "./wav-layout.ts";

/** `RIFF`, a size, `WAVE`. */
const riffBytes = 12;

/** Writers that cannot know a size put the largest there is, less what is before it: of 32 bits, or of 31. */
const endlessBytes = 0x7ff0_0000;

/**
 * Reads a WAV file as it comes, cut anywhere. Chunks that are not `fmt ` and `data` are skipped, and nothing but the
 * head of a chunk is ever held back, so a header of any length costs no memory. Sizes that a writer could not know (0,
 * or nearly 2 or 4 GiB, as pipes leave them; RF64) mean "to the end".
 */
export class WavReader {
  /** Known as soon as the `fmt ` chunk has been read, and always before the first samples. */
  layout: WavLayout | undefined;
  #state: "riff" | "chunk" | "skip" | "format" | "data" | "end" = "riff";
  #pending: Uint8Array = new Uint8Array(0);
  /** Bytes of the chunk under way that are still to come. */
  #left = 0;

  /** How much of the samples has not come that the file says it has; 0 before they begin, and where it does not say. */
  get missingBytes(): number {
    return this.#state === "data" && Number.isFinite(this.#left) ? this.#left : 0;
  }

  /**
   * The samples in these bytes, without any of the file around them. Throws `invalid_argument` when it is no WAV file.
   */
  push(bytes: Uint8Array): Uint8Array {
    let rest: Uint8Array | undefined = joinBytes(this.#pending, bytes);
    let data: Uint8Array = new Uint8Array(0);
    while (rest !== undefined && rest.length > 0 && this.#state !== "end") {
      if (this.#state === "data") {
        data = rest.subarray(0, this.#left);
        rest = this.#pass(rest, "end");
      } else {
        const after = this.#readHeader(rest);
        if (!after) break;
        rest = after;
      }
    }
    this.#pending = this.#state === "end" || !rest ? new Uint8Array(0) : new Uint8Array(rest);
    return data;
  }

  /** Throws when the file ended before its samples began. */
  end(): void {
    if (this.#state === "riff" && !beginsRiff(this.#pending)) throw badWav(notRiff(this.#pending));
    if (this.#state !== "data" && this.#state !== "end") throw badWav("it ends before its data chunk");
  }

  /** What follows the piece of header that was read; undefined when more is needed. */
  #readHeader(bytes: Uint8Array): Uint8Array | undefined {
    switch (this.#state) {
      case "riff":
        return this.#readRiff(bytes);
      case "chunk":
        return this.#readChunkHead(bytes);
      case "format":
        return this.#readFormat(bytes);
      default:
        return this.#pass(bytes, "chunk");
    }
  }

  /** What is no RIFF file is held until there is enough of it to name it. */
  #readRiff(bytes: Uint8Array): Uint8Array | undefined {
    const isEnough = bytes.length >= riffBytes;
    if (!beginsRiff(bytes) && (isEnough || containerName(bytes) !== undefined)) throw badWav(notRiff(bytes));
    if (!isEnough) return undefined;
    if (text(bytes, 8, 12) !== "WAVE") throw badWav(`it is a RIFF file of "${text(bytes, 8, 12)}"`);
    this.#state = "chunk";
    return bytes.subarray(riffBytes);
  }

  #readChunkHead(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length < 8) return undefined;
    const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
    const name = text(bytes, 0, 4);
    if (name === "data") this.#beginData(size);
    else this.#beginChunk(name, size);
    return bytes.subarray(8);
  }

  #beginData(size: number): void {
    if (!this.layout) throw badWav("its data chunk comes before its fmt chunk");
    this.#state = "data";
    this.#left = size === 0 || size >= endlessBytes ? Number.POSITIVE_INFINITY : size;
  }

  /** Chunks start at even offsets. */
  #beginChunk(name: string, size: number): void {
    if (name === "fmt " && size > 1024) throw badWav(`its fmt chunk has ${size} bytes`);
    this.#left = size + (size % 2);
    if (name === "fmt ") this.#state = "format";
    else this.#state = this.#left === 0 ? "chunk" : "skip";
  }

  #readFormat(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length < this.#left) return undefined;
    this.layout = readWavLayout(bytes.subarray(0, this.#left));
    return this.#pass(bytes, "chunk");
  }

  /** Passes over the chunk under way, as far as it is here. */
  #pass(bytes: Uint8Array, next: "chunk" | "end"): Uint8Array {
    const passed = Math.min(this.#left, bytes.length);
    this.#left -= passed;
    if (this.#left === 0) this.#state = next;
    return bytes.subarray(passed);
  }
}

function beginsRiff(bytes: Uint8Array): boolean {
  const head = text(bytes, 0, 4);
  return "RIFF".startsWith(head) || "RF64".startsWith(head);
}

function notRiff(bytes: Uint8Array): string {
  const name = containerName(bytes);
  return name ? `it is ${name}` : "it does not begin with RIFF";
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}
