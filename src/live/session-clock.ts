import type { Word } from "../core/audio-format.ts";
import type { LiveEvent } from "../core/transcription.ts";
import type { SessionEvent } from "./session-event.ts";

type Segment = Extract<LiveEvent, { type: "segment" }>;

/** Where the target was told that a turn is over, and whether it has answered with words. */
interface Commit {
  readonly atMs: number;
  answered: boolean;
}

/**
 * Puts a target's times, which count from the first audio it got, on the caller's clock, and works out up to where a final
 * segment or the end of a turn covers the audio. Where the target gives no times, that is where it was told that the turn is
 * over: the first final segment after that is taken as its answer.
 */
export class SessionClock {
  /** Where in the caller's audio this session began. */
  readonly startMs: number;
  /** How far the target has been sent audio. */
  sentMs: number;
  readonly #commits: Commit[] = [];
  readonly #isTold: boolean;

  /** `isTold`: the target ends turns when it is told, and only then. */
  constructor(startMs: number, isTold: boolean) {
    this.startMs = startMs;
    this.#isTold = isTold;
    this.sentMs = startMs;
  }

  /** The target is being told that the turn is over. */
  commit(): void {
    if (this.#commits[0]?.answered && this.#commits.length > 100) this.#commits.shift(); // a target that ends no turns
    this.#commits.push({ atMs: this.sentMs, answered: false });
  }

  segment(event: Segment): SessionEvent {
    const coveredMs = event.final ? this.#coveredBy(event) : undefined;
    return {
      ...event,
      ...(event.startMs !== undefined && { startMs: this.#toCaller(event.startMs) }),
      ...(event.endMs !== undefined && { endMs: this.#toCaller(event.endMs) }),
      ...(event.words && { words: event.words.map((word) => this.#word(word)) }),
      ...(coveredMs !== undefined && { coveredMs }),
    };
  }

  /** A target that only ends turns when it is told answers the oldest time that it was; another may have ended one itself. */
  turnEnded(offsetMs: number | undefined): SessionEvent {
    const toldMs = this.#commits.shift()?.atMs;
    const endMs = offsetMs === undefined ? toldMs : Math.min(this.#toCaller(offsetMs), this.sentMs);
    const coveredMs = this.#isTold ? (toldMs ?? endMs) : endMs;
    return {
      type: "turn-ended",
      ...(endMs !== undefined && { offsetMs: Math.round(endMs) }),
      ...(toldMs !== undefined && { toldMs }),
      ...(coveredMs !== undefined && { coveredMs }),
    };
  }

  activity(type: "speech-started" | "speech-ended", offsetMs: number): SessionEvent {
    return { type, offsetMs: this.#toCaller(offsetMs) };
  }

  #coveredBy({ endMs }: Segment): number | undefined {
    if (endMs !== undefined) return Math.min(this.#toCaller(endMs), this.sentMs);
    const commit = this.#commits.find(({ answered }) => !answered);
    if (commit) commit.answered = true;
    return commit?.atMs;
  }

  #word(word: Word): Word {
    return { ...word, startMs: this.#toCaller(word.startMs), endMs: this.#toCaller(word.endMs) };
  }

  #toCaller(ms: number): number {
    return Math.round(this.startMs + ms);
  }
}
