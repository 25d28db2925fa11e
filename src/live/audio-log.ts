import type { AudioFormat } from "../core/audio-format.ts";
import { Watchdog } from "../streams/watchdog.ts";
import { LogReader } from "./log-reader.ts";
import { SampleReader } from "./sample-reader.ts";
import type { TranscriptionInput } from "./transcription-event.ts";

export interface AudioLogOptions {
  readonly source: AsyncIterable<TranscriptionInput>;
  /** Of the caller's audio: headerless, with a rate. */
  readonly format: AudioFormat;
  /** A caller who is asked for more and says nothing for so long is taken to have left. */
  readonly idleTimeoutMs: number;
  /** How much audio is kept for another target. */
  readonly maxKeptMs: number;
  /** The caller's stream broke, or what it holds is not what it was said to be. */
  readonly onFailure: (error: unknown) => void;
}

/** A piece of the caller's audio of at most 100 ms, or the end of a turn; `start` counts frames from the session's start. */
export type LogItem =
  | { readonly type: "audio"; readonly start: number; readonly data: Uint8Array }
  | { readonly type: "end-turn"; readonly start: number };

/** The caller's audio as one target gets it. */
export interface AudioReader {
  /** Where it starts in the caller's audio. */
  readonly startMs: number;
  /** Ends when the caller's side does. Throws the caller's own failure. */
  readonly items: AsyncIterable<LogItem>;
  close(): void;
}

/** Silence holds no bytes until it is read. */
interface Entry {
  readonly type: "audio" | "silence" | "end-turn";
  readonly start: number;
  readonly frames: number;
  readonly data: Uint8Array;
}

/**
 * What may be let go of while nothing is final: nothing before a target is accepted, then the oldest. `recent` is what the target
 * under way needs to go on itself: a sentence, and not the minutes in which a thousand callers say nothing.
 */
export type Keeping = "all" | "latest" | "recent";

const recentMs = 10_000;

const pieceMs = 100;
const noBytes = new Uint8Array(0);

/**
 * The caller's audio from the last final segment on, for the target that hears it and for the one that may have to go on. It
 * is asked for only when a reader wants more, so that a slow target slows the caller and memory stays bounded.
 */
export class AudioLog {
  readonly #options: AudioLogOptions;
  readonly #iterator: AsyncIterator<TranscriptionInput>;
  readonly #samples: SampleReader;
  readonly #readers = new Set<LogReader<LogItem>>();
  #entries: Entry[] = [];
  /** The number of the first entry; entries are numbered from the session's start. */
  #first = 0;
  #keeping: Keeping = "all";
  #heard = 0;
  #ended = false;
  #idle = false;
  #failed = false;
  #failure: unknown;
  /** The caller was asked for more, and has not answered. */
  #asked = false;
  readonly #patience: Watchdog;

  constructor(options: AudioLogOptions) {
    this.#options = options;
    this.#iterator = options.source[Symbol.asyncIterator]();
    this.#samples = new SampleReader(options.format);
    this.#patience = new Watchdog(() => this.#leave());
  }

  /** How much audio the caller has sent, as far as it was read. */
  get heardMs(): number {
    return this.#toMs(this.#heard);
  }

  /** Where the kept audio starts. */
  get startMs(): number {
    return this.#toMs(this.#entries[0]?.start ?? this.#heard);
  }

  /** Whether the caller was taken to have left. */
  get idle(): boolean {
    return this.#idle;
  }

  /** Whether the caller's stream broke; see {@link failure}. */
  get failed(): boolean {
    return this.#failed;
  }

  get failure(): unknown {
    return this.#failure;
  }

  keep(keeping: Keeping): void {
    this.#keeping = keeping;
    this.#tellReaders();
  }

  /** What was heard before is final and will not be asked for again. Audio that was not yet read stays. */
  forgetBefore(ms: number): void {
    const until = Math.floor((ms * this.#rate) / 1000);
    while (this.#firstIsRead() && endOf(this.#entries[0]) <= until) this.#dropFirst();
    const [first] = this.#entries;
    if (first && this.#firstIsRead() && first.start < until)
      this.#entries[0] = cutFront(first, until, this.#frameBytes);
  }

  /** For one target: what is kept, and then what comes. Nothing that it has not read is let go of until it is closed. */
  open(signal: AbortSignal): AudioReader {
    const items = new LogReader(this.#readable, this.#first, signal);
    this.#readers.add(items);
    const close = () => {
      items.close();
      this.#readers.delete(items);
    };
    return { startMs: this.startMs, items, close };
  }

  /** Nobody asks for more. */
  close(): void {
    this.#patience[Symbol.dispose]();
  }

  readonly #readable = {
    at: (number: number): LogItem | undefined | null => {
      const entry = this.#entries[number - this.#first];
      if (entry) return this.#toItem(entry);
      if (this.#failed) throw this.#failure;
      return this.#ended ? null : undefined;
    },
    ask: () => this.#ask(),
  };

  get #rate(): number {
    return this.#options.format.sampleRateHertz;
  }

  get #frameBytes(): number {
    return this.#samples.frameBytes;
  }

  #toMs(frames: number): number {
    return (frames * 1000) / this.#rate;
  }

  #toItem(entry: Entry): LogItem {
    if (entry.type === "end-turn") return { type: "end-turn", start: entry.start };
    const data = entry.type === "silence" ? this.#samples.silence(entry.frames) : entry.data;
    return { type: "audio", start: entry.start, data };
  }

  /** One question to the caller at a time, whoever asks; it goes on when that one leaves. */
  #ask(): void {
    if (this.#asked || (this.#keeping === "all" && this.#keptFrames > this.#maxFrames)) return;
    this.#asked = true;
    this.#patience.wait(this.#options.idleTimeoutMs);
    this.#iterator.next().then(this.#take, this.#fail);
  }

  readonly #take = ({ done, value }: IteratorResult<TranscriptionInput>): void => {
    if (this.#idle) return; // it comes too late
    this.#asked = false;
    this.#patience.rest();
    try {
      if (done) this.#end();
      else this.#append(value);
      this.#tellReaders();
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #fail = (error: unknown): void => {
    if (this.#idle) return;
    this.#patience.rest();
    this.#failed = true;
    this.#failure = error;
    this.#options.onFailure(error);
    this.#tellReaders();
  };

  /** The caller has been idle for too long. */
  #leave(): void {
    this.#idle = true;
    this.#end();
    this.#tellReaders();
  }

  /** Lets go of what they have all read by then, and asks for more where that was not enough for one of them. */
  #tellReaders(): void {
    for (const reader of this.#readers) reader.look();
    this.#trim();
    for (const reader of this.#readers) if (reader.isWaiting) this.#ask();
  }

  #append(input: TranscriptionInput): void {
    this.#pushAudio(input.type === "audio" ? this.#samples.read(input.data) : this.#samples.end());
    if (input.type === "end-turn") this.#push({ type: "end-turn", start: this.#heard, frames: 0, data: noBytes });
    if (input.type === "silence")
      this.#pushFrames("silence", Math.round((input.durationMs * this.#rate) / 1000), noBytes);
  }

  #end(): void {
    this.#pushAudio(this.#samples.end());
    this.#ended = true;
  }

  #pushAudio(data: Uint8Array): void {
    this.#pushFrames("audio", data.length / this.#frameBytes, data);
  }

  /** In pieces, so that a turn's end is found where it is and not at the end of a long message. */
  #pushFrames(type: "audio" | "silence", frames: number, data: Uint8Array): void {
    const piece = Math.ceil((this.#rate * pieceMs) / 1000);
    for (let at = 0; at < frames; at += piece) {
      const count = Math.min(piece, frames - at);
      const bytes = count === frames ? data : data.subarray(at * this.#frameBytes, (at + count) * this.#frameBytes);
      this.#push({ type, start: this.#heard, frames: count, data: bytes });
    }
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    this.#heard += entry.frames;
  }

  #trim(): void {
    if (this.#keeping === "all") return;
    const recent = (recentMs * this.#rate) / 1000;
    const max = this.#keeping === "recent" ? Math.min(recent, this.#maxFrames) : this.#maxFrames;
    while (this.#firstIsRead() && this.#keptFrames > max) this.#dropFirst();
  }

  get #keptFrames(): number {
    return this.#heard - (this.#entries[0]?.start ?? this.#heard);
  }

  get #maxFrames(): number {
    return (this.#options.maxKeptMs * this.#rate) / 1000;
  }

  /** Whether every reader is past the first entry. */
  #firstIsRead(): boolean {
    if (this.#entries.length === 0) return false;
    for (const { place } of this.#readers) if (place <= this.#first) return false;
    return true;
  }

  #dropFirst(): void {
    this.#entries.shift();
    this.#first++;
  }
}

function endOf(entry: Entry | undefined): number {
  return entry ? entry.start + entry.frames : Number.POSITIVE_INFINITY;
}

function cutFront(entry: Entry, start: number, frameBytes: number): Entry {
  const frames = entry.start + entry.frames - start;
  const data = entry.type === "audio" ? entry.data.subarray(entry.data.length - frames * frameBytes) : entry.data;
  return { ...entry, start, frames, data };
}
