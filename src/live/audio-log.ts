import type { AudioFormat } from "../core/audio-format.ts";
import { Watchdog } from "../streams/watchdog.ts";
import { LogEntries, type LogItem } from "./log-entries.ts";
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

/** The caller's audio as one target gets it. */
export interface AudioReader {
  /** Where it starts in the caller's audio. */
  readonly startMs: number;
  /** Ends when the caller's side does. Throws the caller's own failure. */
  readonly items: AsyncIterable<LogItem>;
  close(): void;
}

/**
 * What may be let go of while nothing is final: nothing before a target is accepted, then the oldest. `recent` is what the target
 * under way needs to go on itself: a sentence, and not the minutes in which a thousand callers say nothing.
 */
export type Keeping = "all" | "latest" | "recent";

const recentMs = 10_000;

const pieceMs = 100;

/**
 * The caller's audio from the last final segment on, for the target that hears it and for the one that may have to go on. It
 * is asked for only when a reader wants more, so that a slow target slows the caller and memory stays bounded.
 */
export class AudioLog {
  readonly #options: AudioLogOptions;
  readonly #iterator: AsyncIterator<TranscriptionInput>;
  readonly #samples: SampleReader;
  readonly #readers = new Set<LogReader<LogItem>>();
  readonly #entries: LogEntries;
  #keeping: Keeping = "all";
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
    const pieceFrames = Math.ceil((options.format.sampleRateHertz * pieceMs) / 1000);
    this.#entries = new LogEntries({ samples: this.#samples, pieceFrames });
    this.#patience = new Watchdog(() => this.#leave());
  }

  /** How much audio the caller has sent, as far as it was read. */
  get heardMs(): number {
    return this.#toMs(this.#entries.heardFrames);
  }

  /** Where the kept audio starts. */
  get startMs(): number {
    return this.#toMs(this.#entries.startFrame);
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
    while (this.#firstIsRead() && this.#entries.firstEndFrame <= until) this.#entries.dropFirst();
    if (this.#firstIsRead()) this.#entries.cutFirst(until);
  }

  /** For one target: what is kept, and then what comes. Nothing that it has not read is let go of until it is closed. */
  open(signal: AbortSignal): AudioReader {
    const items = new LogReader(this.#readable, this.#entries.first, signal);
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
      const item = this.#entries.item(number);
      if (item) return item;
      if (this.#failed) throw this.#failure;
      return this.#ended ? null : undefined;
    },
    ask: () => this.#ask(),
  };

  get #rate(): number {
    return this.#options.format.sampleRateHertz;
  }

  #toMs(frames: number): number {
    return (frames * 1000) / this.#rate;
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

  /** Lets go of what they have all read by then and nobody may need, and asks for more where that was not enough for one of them. */
  #tellReaders(): void {
    for (const reader of this.#readers) reader.look();
    this.#trim();
    this.#entries.settle(this.#readBefore);
    for (const reader of this.#readers) if (reader.isWaiting) this.#ask();
  }

  #append(input: TranscriptionInput): void {
    this.#entries.pushAudio(input.type === "audio" ? this.#samples.read(input.data) : this.#samples.end());
    if (input.type === "end-turn") this.#entries.pushEndTurn();
    if (input.type === "silence") this.#entries.pushSilence(Math.round((input.durationMs * this.#rate) / 1000));
  }

  #end(): void {
    this.#entries.pushAudio(this.#samples.end());
    this.#ended = true;
  }

  #trim(): void {
    if (this.#keeping === "all") return;
    const recent = (recentMs * this.#rate) / 1000;
    const max = this.#keeping === "recent" ? Math.min(recent, this.#maxFrames) : this.#maxFrames;
    while (this.#firstIsRead() && this.#keptFrames > max) this.#entries.dropFirst();
  }

  get #keptFrames(): number {
    return this.#entries.heardFrames - this.#entries.startFrame;
  }

  get #maxFrames(): number {
    return (this.#options.maxKeptMs * this.#rate) / 1000;
  }

  #firstIsRead(): boolean {
    return this.#entries.first < this.#readBefore;
  }

  /** Every reader is past the entries before this number. */
  get #readBefore(): number {
    let number = this.#entries.end;
    for (const { place } of this.#readers) number = Math.min(number, place);
    return number;
  }
}
