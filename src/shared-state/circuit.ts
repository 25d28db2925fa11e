/** What a circuit protects calls from, and how it gets back. */
export interface CircuitOptions {
  /** So long an answer may take. */
  readonly timeoutMs: number;
  /** So many in a row that do not come in time open it. */
  readonly failures: number;
  /** How often, while it is open, it is looked whether the other side is back. */
  readonly reviveEveryMs: number;
  /** Rejects as long as the other side is away. */
  readonly revive: () => Promise<void>;
  /** It is open from now on, and why. */
  readonly onOpen: (reason: unknown) => void;
  readonly onClosed: () => void;
}

/** How long a try to get back may take. */
const longestReviveMs = 3_000;

/**
 * Asks what may not answer, and gives up soon: after a few answers that have not come in time, or as soon as it is known
 * that the other side is gone, nobody is kept waiting any more. While it is open it looks by itself whether the other side
 * is back; no call is used for that.
 */
export class Circuit implements Disposable {
  readonly #options: CircuitOptions;
  #closed = false;
  #failuresInRow = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(options: CircuitOptions) {
    this.#options = options;
  }

  /** Whether the other side is asked. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Looks for the first time; resolves when it is known how that went. */
  async begin(): Promise<void> {
    await this.#revive(this.#options.onOpen);
  }

  /** Rejects with the question's own error, or when its answer takes too long. */
  async ask<Answer>(question: () => Answer | Promise<Answer>): Promise<Answer> {
    try {
      const answer = await within(this.#options.timeoutMs, question());
      this.#failuresInRow = 0;
      return answer;
    } catch (error) {
      if (++this.#failuresInRow >= this.#options.failures) this.open(error);
      throw error;
    }
  }

  /** The other side is gone. */
  open(reason: unknown): void {
    if (!this.#closed || this.#over) return;
    this.#closed = false;
    this.#options.onOpen(reason);
    this.#reviveLater();
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#closed = false;
    clearTimeout(this.#timer);
  }

  #reviveLater(): void {
    if (!this.#over) this.#timer = setTimeout(() => void this.#revive(), this.#options.reviveEveryMs).unref();
  }

  async #revive(failed: (reason: unknown) => void = () => undefined): Promise<void> {
    try {
      await within(longestReviveMs, this.#options.revive());
    } catch (error) {
      failed(error);
      return this.#reviveLater();
    }
    if (this.#over) return;
    this.#failuresInRow = 0;
    this.#closed = true;
    this.#options.onClosed();
  }
}

/** Rejects when it takes longer. An answer that lay unread because this process was busy still counts. */
function within<Answer>(milliseconds: number, answer: Answer | Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // Timers run before what the network has brought is read; what is put behind that comes after it.
    const timer = setTimeout(
      () => setImmediate(() => reject(new Error(`no answer within ${milliseconds} ms`))),
      milliseconds,
    );
    Promise.resolve(answer)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
