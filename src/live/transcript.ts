import type { SessionEvent } from "./session-event.ts";
import type { NumberedSegment, TranscriptionEvent } from "./transcription-event.ts";

type Segment = Extract<SessionEvent, { type: "segment" }>;

/**
 * What the caller has been told, whichever targets it came from: numbers the segments, sends each as final once, and knows up
 * to where the audio is covered by final ones, which is where another target would go on.
 */
export class Transcript {
  readonly #finalOnly: boolean;
  readonly #finals: string[] = [];
  /** Segments that the caller has seen and that are not final. */
  readonly #open = new Map<number, NumberedSegment>();
  /** Numbers of this session's segments by the target's names; -1: not to be told. */
  #numbers = new Map<string, number>();
  /** Numbers whose segment a target left behind: the next one's first segments take their places. */
  #left: number[] = [];
  /** Final segments that are later than one that is not final. */
  #ahead: { readonly startMs: number; readonly endMs: number }[] = [];
  /** Those of targets before: what this session repeats of them is not told again. */
  #known: readonly { readonly startMs: number; readonly endMs: number }[] = [];
  #next = 0;
  #reachedMs = 0;
  #coveredMs = 0;
  #lastFinal: number | undefined;
  #turnOpen = false;
  /** A turn that was ended for a target that has not answered yet. */
  #toldTurn: Extract<SessionEvent, { type: "turn-told" }> | undefined;
  /** Up to where the ends of turns that were told have been answered. */
  #answeredMs = -1;
  #speaking = false;
  #activityMs = -1;

  constructor(finalOnly: boolean) {
    this.#finalOnly = finalOnly;
  }

  /** Up to here everything is final. */
  get coveredMs(): number {
    return this.#coveredMs;
  }

  /** All final segments, joined. */
  get text(): string {
    return this.#finals.filter((text) => text !== "").join(" ");
  }

  /** Another target goes on. */
  startSession(): void {
    this.#numbers = new Map();
    this.#left = [...this.#open.keys()].sort((a, b) => a - b);
    this.#known = [...this.#ahead];
  }

  /** The target is gone. A turn of which it gave all the words, and not the end, ends here: the next one cannot know of it. */
  endSession(): readonly TranscriptionEvent[] {
    const turn = this.#toldTurn;
    this.#toldTurn = undefined;
    if (!turn || !this.#turnOpen || this.#open.size > 0) return [];
    if (this.#coveredMs < turn.speechEndMs - endToleranceMs) return [];
    return this.#turnEnded({
      type: "turn-ended",
      offsetMs: Math.round(turn.atMs),
      toldMs: turn.atMs,
      coveredMs: turn.atMs,
    });
  }

  read(event: SessionEvent): readonly TranscriptionEvent[] {
    switch (event.type) {
      case "speech-started":
      case "speech-ended":
        return this.#activity(event);
      case "segment":
        return this.#segment(event);
      case "turn-ended":
        return this.#turnEnded(event);
      case "ending":
        return [{ type: "ending", timeLeftMs: event.timeLeftMs }];
      case "warning":
        return [event];
      case "turn-told":
        this.#toldTurn = event;
        return [];
      case "accepted":
      case "finished":
        return [];
      default:
        return event satisfies never;
    }
  }

  /** The end: no segment stays open, and the last turn is over. */
  finish(durationMs: number): readonly TranscriptionEvent[] {
    const left = new Set(this.#left);
    const finals = [...this.#open.values()].map((segment): TranscriptionEvent => {
      const text = left.has(segment.index) ? "" : segment.text; // nobody will say again what a dead target had begun
      return this.#tellFinal({ ...segment, text, final: true });
    });
    return [...finals, ...(this.#turnOpen ? this.#turnEnded({ type: "turn-ended", offsetMs: durationMs }) : [])];
  }

  /** A target that comes later hears some of it again, so each change is told once, and time only goes on. */
  #activity({ type, offsetMs }: Extract<SessionEvent, { offsetMs: number }>): readonly TranscriptionEvent[] {
    const speaking = type === "speech-started";
    if (speaking === this.#speaking || offsetMs < this.#activityMs) return [];
    this.#speaking = speaking;
    this.#activityMs = offsetMs;
    return [{ type, offsetMs }];
  }

  /** A turn that the target before has ended may be told to the next one too, with the silence behind it. */
  #turnEnded(event: Extract<SessionEvent, { type: "turn-ended" }>): readonly TranscriptionEvent[] {
    const { offsetMs, toldMs, coveredMs } = event;
    if (toldMs !== undefined && toldMs <= this.#answeredMs) return [];
    // At the end of the input a target may close a turn in which nothing was said; whoever answers turns would answer twice.
    if (toldMs === undefined && !this.#turnOpen) return [];
    this.#answeredMs = toldMs ?? this.#answeredMs;
    this.#turnOpen = false;
    this.#toldTurn = undefined;
    if (coveredMs !== undefined) this.#cover(coveredMs);
    const lastSegmentIndex = this.#lastFinal;
    return [
      {
        type: "turn-ended",
        ...(lastSegmentIndex !== undefined && { lastSegmentIndex }),
        ...(offsetMs !== undefined && { offsetMs }),
      },
    ];
  }

  #segment(event: Segment): readonly TranscriptionEvent[] {
    const { type, key, coveredMs, ...rest } = event;
    if (!event.final && this.#finalOnly) return [];
    const index = this.#numberOf(event);
    if (index === undefined) return [];
    if (event.final) this.#numbers.set(key, told);
    const segment: NumberedSegment = { ...rest, index };
    const events = event.final ? this.#final(segment) : this.#interim(segment);
    if (event.final && coveredMs !== undefined) this.#cover(coveredMs);
    if (event.final) this.#remember(event);
    return events;
  }

  #interim(segment: NumberedSegment): readonly TranscriptionEvent[] {
    const before = this.#open.get(segment.index);
    if (before?.text === segment.text && before.stability === segment.stability) return [];
    this.#open.set(segment.index, segment);
    return [{ type: "segment", segment }];
  }

  /** One without words that the caller has seen nothing of is no segment. */
  #final(segment: NumberedSegment): readonly TranscriptionEvent[] {
    if (segment.text === "" && !this.#open.has(segment.index)) {
      this.#left.unshift(segment.index);
      return [];
    }
    return [this.#tellFinal(segment)];
  }

  #tellFinal(segment: NumberedSegment): TranscriptionEvent {
    this.#open.delete(segment.index);
    this.#finals[segment.index] = segment.text;
    this.#lastFinal = Math.max(this.#lastFinal ?? 0, segment.index);
    this.#turnOpen = true;
    return { type: "segment", segment };
  }

  /** Undefined when it is not to be told: it is final already, or the caller has it from another target. */
  #numberOf(event: Segment): number | undefined {
    let index = this.#numbers.get(event.key);
    if (index === undefined) {
      index = this.#isRepeated(event) ? told : (this.#left.shift() ?? this.#next++);
      this.#numbers.set(event.key, index);
    }
    return index === told ? undefined : index;
  }

  #isRepeated({ startMs, endMs }: Segment): boolean {
    if (startMs === undefined || endMs === undefined) return false;
    const middle = (startMs + endMs) / 2;
    return this.#known.some((final) => middle >= final.startMs && middle <= final.endMs);
  }

  /** Not beyond the start of a segment that comes before it and is not final. */
  #cover(reachedMs: number): void {
    this.#reachedMs = Math.max(this.#reachedMs, reachedMs);
    const limits = [...this.#open.values()]
      .filter(({ index }) => index < (this.#lastFinal ?? 0))
      .map(({ startMs }) => startMs ?? this.#coveredMs);
    this.#coveredMs = Math.max(this.#coveredMs, Math.min(this.#reachedMs, ...limits));
    this.#ahead = this.#ahead.filter(({ endMs }) => endMs > this.#coveredMs);
  }

  #remember({ startMs, endMs }: Segment): void {
    if (startMs === undefined || endMs === undefined || endMs <= this.#coveredMs) return;
    this.#ahead.push({ startMs, endMs });
  }
}

const told = -1;

/** By how much targets and the gateway differ on where speech ended. */
const endToleranceMs = 300;
