import type { AudioFormat } from "../core/audio-format.ts";
import { invalidRequest } from "../core/error.ts";
import type { ConversationInput } from "../core/live.ts";
import { bytesPerFrame, SampleReader } from "./sample-reader.ts";

export interface CallerSideOptions {
  readonly source: AsyncIterable<ConversationInput>;
  /** Of the user's audio; undefined when the caller said none. */
  readonly format: AudioFormat | undefined;
  /** How long nobody may say anything. */
  readonly idleTimeoutMs: number;
}

type Next = IteratorResult<ConversationInput, unknown> | "idle";

/** The caller's side of a conversation: its audio in whole samples, and its end when neither side has said anything for long. */
export class CallerSide implements Disposable {
  readonly #options: CallerSideOptions;
  readonly #samples: SampleReader | undefined;
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  #idle = false;
  #waiting: PromiseWithResolvers<Next> | undefined;

  constructor(options: CallerSideOptions) {
    this.#options = options;
    this.#samples = options.format && new SampleReader(options.format);
    this.#timer = setTimeout(() => this.#end(), options.idleTimeoutMs);
  }

  /** Whether it has ended because nobody said anything. */
  get idle(): boolean {
    return this.#idle;
  }

  /** How much audio the caller has sent, as far as it was read. */
  get heardMs(): number {
    const { format } = this.#options;
    return format ? (this.#bytes / bytesPerFrame(format) / format.sampleRateHertz) * 1000 : 0;
  }

  /** The other side has said something. */
  touch(): void {
    if (!this.#idle) this.#timer.refresh();
  }

  /** Throws `invalid_argument` for audio that is not what it was said to be. To be read once. */
  async *items(): AsyncGenerator<ConversationInput, void, undefined> {
    const iterator = this.#options.source[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#next(iterator);
      if (next === "idle") return;
      if (next.done) return yield* this.#audio(this.#samples?.end());
      this.touch();
      if (next.value.type === "audio") yield* this.#audio(this.#read(next.value.data));
      else yield next.value;
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  /** A promise for each wait: one that stays open would keep every racer. */
  #next(iterator: AsyncIterator<ConversationInput>): Promise<Next> {
    const waiting = Promise.withResolvers<Next>();
    this.#waiting = waiting;
    if (this.#idle) waiting.resolve("idle");
    iterator.next().then(waiting.resolve, waiting.reject);
    return waiting.promise;
  }

  #end(): void {
    this.#idle = true;
    this.#waiting?.resolve("idle");
  }

  #read(data: Uint8Array): Uint8Array {
    if (this.#samples) return this.#samples.read(data);
    const description = "is required when audio is sent, such as audio/pcm at 16000";
    throw invalidRequest([{ field: "start.format", description, reason: "REQUIRED" }]);
  }

  *#audio(data: Uint8Array | undefined): Generator<ConversationInput, void, undefined> {
    if (!data || data.length === 0) return;
    this.#bytes += data.length;
    yield { type: "audio", data };
  }
}
