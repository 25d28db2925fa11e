import { untilAborted } from "../../streams/signals.ts";

/** Pulls a model, and yields how far it is. */
type PullModel = (model: string, signal: AbortSignal) => AsyncIterable<string>;

/** The pulls that are under way: calls that wait for the same model share one. */
export class SharedPulls {
  readonly #pull: PullModel;
  readonly #running = new Map<string, SharedPull>();

  constructor(pull: PullModel) {
    this.#pull = pull;
  }

  /**
   * Yields how far the pull of `model` is, whenever that changes, and returns when the model is there. A pull is begun for
   * the first who follows it, and cut when the last one leaves.
   */
  async *follow(model: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    yield* this.#join(model).follow(signal);
  }

  #join(model: string): SharedPull {
    const running = this.#running.get(model);
    if (running) return running;
    const pull = new SharedPull(
      (signal) => this.#pull(model, signal),
      () => this.#forget(model, pull),
    );
    this.#running.set(model, pull);
    return pull;
  }

  /** Another may have begun in the meantime. */
  #forget(model: string, pull: SharedPull): void {
    if (this.#running.get(model) === pull) this.#running.delete(model);
  }
}

/** One pull and those who follow it. Only the latest note is kept: who reads slowly misses some. */
class SharedPull {
  readonly #open: (signal: AbortSignal) => AsyncIterable<string>;
  readonly #over: () => void;
  readonly #controller = new AbortController();
  #followers = 0;
  #begun = false;
  #note = "";
  #outcome: { readonly error?: unknown } | undefined;
  #change = Promise.withResolvers<void>();

  constructor(open: (signal: AbortSignal) => AsyncIterable<string>, over: () => void) {
    this.#open = open;
    this.#over = over;
  }

  async *follow(signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const gone = untilAborted(signal);
    gone.catch(() => undefined); // it is raced below, or nobody waits any more
    this.#followers++;
    this.#begin();
    try {
      for (let told = ""; ; ) {
        if (this.#note !== told) {
          told = this.#note;
          yield told;
        } else if (this.#outcome) {
          return conclude(this.#outcome);
        } else {
          await Promise.race([this.#change.promise, gone]);
        }
      }
    } finally {
      this.#leave();
    }
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      for await (const note of this.#open(this.#controller.signal)) this.#tell(note);
      this.#outcome = {};
    } catch (error) {
      this.#outcome = { error };
    }
    this.#over();
    this.#change.resolve();
  }

  #tell(note: string): void {
    this.#note = note;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  #leave(): void {
    this.#followers--;
    if (this.#followers > 0 || this.#outcome) return;
    this.#over();
    this.#controller.abort(new Error("nobody waits for the model any more"));
  }
}

function conclude(outcome: { readonly error?: unknown }): void {
  if ("error" in outcome) throw outcome.error;
}
