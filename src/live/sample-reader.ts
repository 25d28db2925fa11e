import { createFrameCarry, joinBytes } from "../audio/pcm.ts";
import { containerName } from "../audio/sniff.ts";
import type { AudioFormat } from "../core/audio-format.ts";
import { invalidRequest } from "../core/error.ts";

/** Enough to know most files by; fewer bytes are held back. */
const magicBytes = 16;

/** Enough for two frames of MP3 or AAC, which have no magic number. What comes until then is looked at, and passed on. */
const lookBytes = 4096;

/**
 * Reads headerless audio that may be cut at any byte: what it gives are whole frames. Looks at the first bytes, because a
 * recorder's WebM or MP3 is often sent as samples, and gives noise. Throws `invalid_argument` that names what it is.
 */
export class SampleReader {
  readonly frameBytes: number;
  readonly #silent: number;
  readonly #format: AudioFormat;
  readonly #carry: (bytes: Uint8Array) => Uint8Array;
  /** The first bytes, as long as they are looked at. */
  #head: Uint8Array | undefined = new Uint8Array(0);
  /** How many of them are held back. */
  #held = 0;

  constructor(format: AudioFormat) {
    this.frameBytes = bytesPerFrame(format);
    this.#silent = silentByte(format.mimeType);
    this.#format = format;
    this.#carry = createFrameCarry(this.frameBytes);
  }

  read(bytes: Uint8Array): Uint8Array {
    if (this.#head === undefined) return this.#carry(bytes);
    const head = joinBytes(this.#head, bytes);
    refuseFile(head, this.#format.mimeType);
    this.#held += bytes.length;
    this.#head = head.length < lookBytes ? new Uint8Array(head) : undefined;
    return head.length < magicBytes ? new Uint8Array(0) : this.#release(head);
  }

  /** What was held back. A part of a frame at the very end is no sound, and is left out. */
  end(): Uint8Array {
    return this.#release(this.#head ?? new Uint8Array(0));
  }

  silence(frames: number): Uint8Array {
    return new Uint8Array(frames * this.frameBytes).fill(this.#silent);
  }

  #release(head: Uint8Array): Uint8Array {
    const held = head.subarray(head.length - this.#held);
    this.#held = 0;
    return this.#carry(held);
  }
}

/** Throws `invalid_argument` when what was said to be samples begins like a file. */
function refuseFile(bytes: Uint8Array, mimeType: string): void {
  const name = containerName(bytes);
  if (name === undefined) return;
  const description = `is ${name}, and not ${mimeType}: send the samples alone, or the file to AudioService.Transcribe`;
  throw invalidRequest([{ field: "audio.data", description, reason: "UNSUPPORTED" }]);
}

/** Of headerless audio: one sample of each channel. */
export function bytesPerFrame(format: AudioFormat): number {
  return (format.mimeType === "audio/pcm" ? 2 : 1) * (format.channelCount || 1);
}

/** G.711 writes no sound as all ones in µ-law, and as 0xd5 in A-law. */
function silentByte(mimeType: string): number {
  if (mimeType === "audio/ulaw") return 0xff;
  return mimeType === "audio/alaw" ? 0xd5 : 0;
}
