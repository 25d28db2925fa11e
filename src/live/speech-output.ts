import { chooseFormat, type FormatChoice } from "../audio/choose-format.ts";
import { type Converter, createConverter } from "../audio/convert.ts";
import { createFramer, type Framer } from "../audio/frames.ts";
import { plainMediaType } from "../audio/media-type.ts";
import { wavHeader } from "../audio/wav.ts";
import { type AudioFormat, isHeaderless } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import type { Warning } from "../core/route.ts";
import { bytesPerFrame } from "./sample-reader.ts";

/** The form in which the caller wants the audio. */
export interface OutputWish {
  /** Undefined: the target's own. */
  readonly format: AudioFormat | undefined;
  /** How long the pieces of audio without a header are to be; undefined: as they come. */
  readonly chunkMs: number | undefined;
}

type Pieces = readonly Uint8Array[];

/** Where neither the caller nor the model says. */
const usualRateHertz = 24_000;

/**
 * Makes what the caller gets of what a target sends: converts, puts one header of ours before all of it where it is to be
 * WAV, and cuts exact pieces. The audio may come in stretches, each with a form of its own; what the caller gets is of one.
 */
export class SpeechOutput {
  /** What to ask of the target, and what the caller is to be told of that. */
  readonly choice: FormatChoice;
  readonly #wish: OutputWish;
  /** The form of the stretch under way. */
  #from: AudioFormat | undefined;
  #to: AudioFormat | undefined;
  #converter: Converter | undefined;
  #framer: Framer | undefined;
  #headerPending = false;
  #frames = 0;

  /** Throws `failed_precondition` when the target makes nothing that the wish could be made of. */
  constructor(wish: OutputWish, offered: readonly AudioFormat[]) {
    this.#wish = wish;
    this.choice = chooseFormat(wish.format, offered);
  }

  /** A stretch begins in this form: what was left of the one before. With the first, the caller's form is settled. */
  begin(from: AudioFormat): Pieces {
    const left = this.flush();
    this.#from = { ...from, mimeType: plainMediaType(from.mimeType) };
    if (!this.#to) this.#settle(this.#from);
    return left;
  }

  /** What the caller gets; after the first `begin`. */
  get format(): AudioFormat {
    if (!this.#to) throw new RangeError("the audio has not begun");
    return this.#to;
  }

  /** What has been given out so far; undefined where it cannot be told from the bytes. */
  get durationMs(): number | undefined {
    const samples = this.#samples;
    return samples && Math.round((this.#frames * 1000) / samples.sampleRateHertz);
  }

  get warnings(): readonly Warning[] {
    const cut = this.#wish.chunkMs === undefined || this.#framer !== undefined;
    return cut ? this.choice.warnings : [...this.choice.warnings, notCut(this.format)];
  }

  push(bytes: Uint8Array): Pieces {
    if (!this.#from) throw new RangeError("audio came before its form");
    const samples = this.#samples;
    if (!samples) return withBytes([bytes]);
    this.#converter ??= createConverter(this.#from, samples);
    return this.#cut(madeBy(this.#converter, (converter) => converter.push(bytes)));
  }

  /**
   * The end of a stretch: the rest of it, the last piece shorter than the others. Throws `unavailable` when the target has said
   * that there would be more of it.
   */
  flush(): Pieces {
    const converter = this.#converter;
    this.#converter = undefined;
    if (converter && converter.missingBytes() > 0) throw cutShort(converter.missingBytes());
    const last = converter ? this.#cut(madeBy(converter, (one) => one.flush())) : [];
    const rest = this.#framer?.flush() ?? [];
    this.#count(rest);
    return [...last, ...rest];
  }

  /** Forgets what has come and was not given out. */
  drop(): void {
    this.#converter = undefined;
    this.#framer?.flush();
  }

  #settle(from: AudioFormat): void {
    const { ask, convertTo } = this.choice;
    const wanted = convertTo ?? (this.#wish.format?.mimeType ? ask : from);
    const to = isMadeHere(wanted.mimeType) && isMadeHere(from.mimeType) ? wanted : from;
    const sampleRateHertz =
      to.sampleRateHertz || (isMadeHere(to.mimeType) ? from.sampleRateHertz || usualRateHertz : 0);
    this.#to = { mimeType: to.mimeType, sampleRateHertz, channelCount: to.channelCount || 1 };
    this.#headerPending = to.mimeType === "audio/wav";
    const { chunkMs } = this.#wish;
    if (chunkMs !== undefined && isHeaderless(to.mimeType)) this.#framer = createFramer(this.#to, chunkMs);
  }

  /** The samples inside what the caller gets; undefined when it is passed on as it is. */
  get #samples(): AudioFormat | undefined {
    if (!this.#to || !isMadeHere(this.#to.mimeType)) return undefined;
    return this.#to.mimeType === "audio/wav" ? { ...this.#to, mimeType: "audio/pcm" } : this.#to;
  }

  #cut(bytes: Uint8Array): Pieces {
    const pieces = this.#framer ? this.#framer.push(bytes) : withBytes([bytes]);
    this.#count(pieces);
    return this.#headed(pieces);
  }

  #count(pieces: Pieces): void {
    const samples = this.#samples;
    if (samples) this.#frames += byteCount(pieces) / bytesPerFrame(samples);
  }

  #headed(pieces: Pieces): Pieces {
    const samples = this.#samples;
    if (!samples || !this.#headerPending || pieces.length === 0) return pieces;
    this.#headerPending = false;
    return [wavHeader(samples), ...pieces];
  }
}

function cutShort(missingBytes: number): LivellmError {
  const message = `the provider's audio ended ${missingBytes} bytes before the end that its WAV header says`;
  return new LivellmError("unavailable", "stream_broken", message);
}

/** Audio that cannot be read is the provider's fault here, and never the caller's. */
function madeBy(converter: Converter, make: (converter: Converter) => Uint8Array): Uint8Array {
  try {
    return make(converter);
  } catch (error) {
    if (!(error instanceof LivellmError)) throw error;
    const message = `the provider sent other audio than it was asked for: ${error.message}`;
    throw new LivellmError("internal", "bad_provider_response", message, { cause: error });
  }
}

function isMadeHere(mimeType: string): boolean {
  return isHeaderless(mimeType) || mimeType === "audio/wav";
}

function withBytes(pieces: Pieces): Pieces {
  return pieces.filter(({ length }) => length > 0);
}

function byteCount(pieces: Pieces): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function notCut({ mimeType }: AudioFormat): Warning {
  const message = `${mimeType} has a header and cannot be cut by time; the pieces are as they come`;
  return { code: "option-ignored", message, field: "chunkMs" };
}
