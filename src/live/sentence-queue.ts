import type { SpeechInput } from "../core/speech.ts";
import { orAborted } from "../streams/abortable.ts";
import { SentenceSplitter } from "./sentences.ts";

/** What is to be done for the caller, in this order. */
export type SpeakJob =
  | { readonly type: "sentence"; readonly text: string; readonly signal: AbortSignal }
  | { readonly type: "flushed" }
  | { readonly type: "cleared" };

/** So many characters may wait to be spoken; then the caller waits, and with them their `clear`. */
const mostWaiting = 100_000;

/**
 * The sentences of a text that is still being written, waiting to be spoken. A `clear` empties it and aborts the signal of
 * the sentence that is being spoken.
 */
export class SentenceQueue {
  readonly #splitter: SentenceSplitter;
  #jobs: SpeakJob[] = [];
  #speaking = new AbortController();
  #ended = false;
  #changed = Promise.withResolvers<void>();

  /** `longest` is the most characters of a sentence; undefined: as many as sound well. */
  constructor(languageCode: string, longest?: number) {
    this.#splitter = new SentenceSplitter(languageCode, longest);
  }

  /** Reads all of the input, whatever is being spoken meanwhile. */
  async fill(input: AsyncIterable<SpeechInput>, signal: AbortSignal): Promise<void> {
    const items = input[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await orAborted(items.next(), signal);
      if (done) break;
      this.#take(value);
      this.#change();
      while (this.#waitingCharacters() > mostWaiting) await this.changed(signal);
    }
    this.#addSentences(this.#splitter.flush());
    this.#ended = true;
    this.#change();
  }

  /** Whether there is something to do, or never will be again. */
  get settled(): boolean {
    return this.#jobs.length > 0 || this.#ended;
  }

  /** Resolves when something has changed. */
  changed(signal: AbortSignal): Promise<void> {
    return orAborted(this.#changed.promise, signal);
  }

  /** Undefined when everything is done. */
  async next(signal: AbortSignal): Promise<SpeakJob | undefined> {
    while (!this.settled) await this.changed(signal);
    const job = this.#jobs.shift();
    this.#change();
    return job;
  }

  #take(item: SpeechInput): void {
    if (item.type === "text") this.#addSentences(this.#splitter.push(item.text));
    else if (item.type === "flush") {
      this.#addSentences(this.#splitter.flush());
      this.#jobs.push({ type: "flushed" });
    } else this.#clear();
  }

  #clear(): void {
    this.#splitter.flush();
    const answered = this.#jobs.filter(({ type }) => type === "cleared");
    this.#jobs = [...answered, { type: "cleared" }];
    this.#speaking.abort();
    this.#speaking = new AbortController();
  }

  #addSentences(texts: readonly string[]): void {
    const { signal } = this.#speaking;
    this.#jobs.push(...texts.map((text): SpeakJob => ({ type: "sentence", text, signal })));
  }

  #waitingCharacters(): number {
    return this.#jobs.reduce((sum, job) => sum + (job.type === "sentence" ? job.text.length : 0), 0);
  }

  #change(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}
