import { linkedController } from "../../streams/signals.ts";

/** Writes down samples. */
export type Recognise = (samples: Float32Array, signal: AbortSignal) => Promise<string>;

/** The recognitions of one session, one after the other, so that what they find is told in order. */
export class RecognitionQueue {
  readonly #recognise: Recognise;
  readonly #onError: (error: unknown) => void;
  readonly #signal: AbortSignal;
  #last: Promise<void> = Promise.resolve();
  #length = 0;
  /** Ends the interim recognition that waits or runs. */
  #interim: AbortController | undefined;

  constructor(recognise: Recognise, signal: AbortSignal, onError: (error: unknown) => void) {
    this.#recognise = recognise;
    this.#signal = signal;
    this.#onError = onError;
  }

  /** How many have not ended. */
  get length(): number {
    return this.#length;
  }

  /** Written down for certain; an interim recognition is cut short for it. */
  final(samples: Float32Array, tell: (text: string) => void): void {
    this.#interim?.abort();
    this.run(async () => tell(await this.#recognise(samples, this.#signal)));
  }

  /** Written down unless something final comes in between. */
  interim(samples: Float32Array, tell: (text: string) => void): void {
    const controller = new AbortController();
    this.#interim = controller;
    this.run(async () => {
      const text = await this.#recogniseUntil(controller.signal, samples);
      if (text !== undefined) tell(text);
    });
  }

  /** Done when all before it has been told. */
  run(work: () => void | Promise<void>): void {
    this.#length++;
    this.#last = this.#last.then(work).finally(() => this.#length--);
    this.#last.catch(this.#onError);
  }

  /** Throws what the first of them threw that failed. */
  async drained(): Promise<void> {
    await this.#last;
  }

  /** Undefined when it was cut short. */
  async #recogniseUntil(cut: AbortSignal, samples: Float32Array): Promise<string | undefined> {
    if (cut.aborted) return undefined;
    using controller = linkedController(cut, this.#signal);
    try {
      return await this.#recognise(samples, controller.signal);
    } catch (error) {
      if (cut.aborted) return undefined;
      throw error;
    }
  }
}
