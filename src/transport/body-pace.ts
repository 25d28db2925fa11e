/** What a request's body has to be as fast as, from its head on. */
export interface Pace {
  /** For a body of any size. */
  readonly graceMs: number;
  /** Each so many bytes that have come give it another second. */
  readonly bytesPerSecond: number;
  /** How often bodies are looked at. */
  readonly everyMs: number;
}

/** Slower than any line that is in use, and as other servers have it (Apache's mod_reqtimeout). */
const usualPace: Pace = { graceMs: 20_000, bytesPerSecond: 500, everyMs: 1_000 };

/** The body of a request, as it comes. */
export interface ArrivingBody {
  /** All of it is here, or nothing more will come. */
  isOver(): boolean;
  /** Part of it has not been read by this server yet. */
  isUnread(): boolean;
  /** How much of it has come; what its connection needed beside it may count. */
  bytesRead(): number;
  hangUp(): void;
}

interface Watched {
  readonly body: ArrivingBody;
  readonly sinceMs: number;
}

/**
 * Hangs up on requests whose bodies drip: node's own limit for HTTP/1 lets a caller hold a connection with a byte a second for
 * five minutes, and for HTTP/2 there is none. What this server itself has not read yet does not count. No timer runs while no
 * body is on its way.
 */
export class BodyPace {
  readonly #pace: Pace;
  readonly #arriving = new Map<object, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(pace: Pace = usualPace) {
    this.#pace = pace;
  }

  /** Follows a body from its head on. Of each source there is one at a time: a connection of HTTP/1, a stream of HTTP/2. */
  watch(source: object, body: ArrivingBody): void {
    this.#arriving.set(source, { body, sinceMs: performance.now() });
    this.#timer ??= setInterval(() => this.#look(), this.#pace.everyMs).unref();
  }

  /** Nothing more comes from it. */
  forget(source: object): void {
    this.#arriving.delete(source);
  }

  #look(): void {
    for (const [source, watched] of this.#arriving) {
      if (watched.body.isOver()) this.#arriving.delete(source);
      else if (this.#isTooSlow(watched)) watched.body.hangUp();
    }
    if (this.#arriving.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #isTooSlow({ body, sinceMs }: Watched): boolean {
    if (body.isUnread()) return false;
    const earnedMs = (body.bytesRead() / this.#pace.bytesPerSecond) * 1_000;
    return performance.now() - sinceMs > this.#pace.graceMs + earnedMs;
  }
}
