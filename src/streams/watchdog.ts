/**
 * Fires when a wait takes too long. One timer for its whole life, re-armed by `refresh`, because a stream waits once per
 * chunk. Time in which nobody waits (a slow reader) does not count.
 */
export class Watchdog implements Disposable {
  readonly #bark: () => void;
  #timer: NodeJS.Timeout | undefined;
  #milliseconds = 0;
  #waiting = false;

  constructor(bark: () => void) {
    this.#bark = bark;
  }

  /** A wait begins: it may take so long. */
  wait(milliseconds: number): void {
    this.#waiting = true;
    if (this.#timer !== undefined && milliseconds === this.#milliseconds) {
      this.#timer.refresh();
      return;
    }
    clearTimeout(this.#timer);
    this.#milliseconds = milliseconds;
    this.#timer = setTimeout(() => this.#fire(), milliseconds);
  }

  /** The wait is over. The timer keeps running idle, which is cheaper than clearing it. */
  rest(): void {
    this.#waiting = false;
  }

  [Symbol.dispose](): void {
    this.#waiting = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #fire(): void {
    if (this.#waiting) this.#bark();
  }
}
