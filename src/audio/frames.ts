import { type AudioFormat, isHeaderless } from "../core/audio-format.ts";
import { joinBytes } from "./pcm.ts";

/** Cuts audio into frames of one length. */
export interface Framer {
  /** The frames that are complete. */
  push(bytes: Uint8Array): readonly Uint8Array[];
  /** What is left: none, or one that is shorter. */
  flush(): readonly Uint8Array[];
}

/**
 * Cuts headerless audio into frames of `chunkMs`. Where the rate gives no whole number of samples (11,025 Hz × 10 ms),
 * frames differ by one sample and n of them last n × chunkMs. Frames may be views of what was pushed. Throws a
 * RangeError for audio with a header, or without a rate.
 */
export function createFramer(format: AudioFormat, chunkMs: number): Framer {
  if (!isHeaderless(format.mimeType)) throw new RangeError(`${format.mimeType} cannot be cut by time`);
  if (format.sampleRateHertz < 1000 || chunkMs < 1) throw new RangeError("audio is cut by a rate and a length");
  const sampleBytes = (format.mimeType === "audio/pcm" ? 2 : 1) * (format.channelCount || 1);
  const endOf = (frame: number) => Math.floor((frame * chunkMs * format.sampleRateHertz) / 1000) * sampleBytes;
  let pending: Uint8Array = new Uint8Array(0);
  let frame = 0;
  return {
    push(bytes) {
      pending = joinBytes(pending, bytes);
      const frames: Uint8Array[] = [];
      for (let size = endOf(frame + 1) - endOf(frame); pending.length >= size; size = endOf(frame + 1) - endOf(frame)) {
        frames.push(pending.subarray(0, size));
        pending = pending.subarray(size);
        frame++;
      }
      pending = new Uint8Array(pending); // a copy: the caller may reuse its buffer
      return frames;
    },
    flush() {
      const rest = pending;
      pending = new Uint8Array(0);
      return rest.length === 0 ? [] : [rest];
    },
  };
}
