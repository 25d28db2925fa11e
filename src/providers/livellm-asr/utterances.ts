import type { LiveEvent, LiveTranscriptionRequest, TurnDetection } from "../../core/transcription.ts";
import type { AsrSettings } from "./settings.ts";

/** What the recogniser says of one message of ours: it answers each, in order. */
export interface Answer {
  /** All that it has heard since the last flush. */
  readonly text: string;
  readonly tokenConfidence: number;
  /** How likely there is speech in what it heard, on the whole. */
  readonly speechProbability: number;
  /** And at its clearest. */
  readonly peakProbability: number;
}

/** Why the recogniser was told to begin anew. */
export type FlushReason = "turn" | "too-long";

export interface UtterancesOptions {
  readonly settings: AsrSettings;
  readonly turns: TurnDetection;
  readonly interim: LiveTranscriptionRequest["interim"];
}

/** Finds utterances in what the recogniser says, and tells of them. Times are in milliseconds of the session's audio. */
export class Utterances {
  readonly #settings: AsrSettings;
  readonly #turns: TurnDetection;
  readonly #interim: boolean;
  #number = 0;
  /** How far the answers have come, and where the one before began. */
  #heardMs = 0;
  #flushedMs = 0;
  #speaking = false;
  #startMs: number | undefined;
  /** Chunks in a row that speak for a change, and how long they are. */
  #run = { chunks: 0, milliseconds: 0 };
  /** The clearest speech since the last flush. */
  #peak = 0;
  #told = "";

  constructor({ settings, turns, interim }: UtterancesOptions) {
    this.#settings = settings;
    this.#turns = turns;
    this.#interim = interim;
  }

  /** Whether somebody is speaking, as far as we look for that ourselves. */
  get speaking(): boolean {
    return this.#speaking;
  }

  /** Whether there is something to write down: a single short word may be too short to count as speaking. */
  get hasSpeech(): boolean {
    return this.#speaking || (this.#turns.mode !== "manual" && this.#peak >= this.#startThreshold);
  }

  /** A turn without audio. */
  endEmptyTurn(): LiveEvent {
    return { type: "turn-ended", offsetMs: this.#heardMs };
  }

  /** Audio of that length that was not answered for. */
  skip(milliseconds: number): void {
    this.#heardMs += milliseconds;
  }

  /** An answer to audio of that length. */
  hear(answer: Answer, milliseconds: number): readonly LiveEvent[] {
    this.#heardMs += milliseconds;
    this.#peak = Math.max(this.#peak, answer.peakProbability);
    return [...this.#followSpeech(answer, milliseconds), ...this.#tellInterim(answer)];
  }

  /** The last answer before the recogniser begins anew. */
  finish(answer: Answer, reason: FlushReason): readonly LiveEvent[] {
    const key = this.#key;
    const startMs = Math.max(this.#startMs ?? this.#flushedMs, this.#flushedMs);
    const isWanted = this.#isSure(answer) && !(this.#settings.suppressSilence && this.#isSilence(answer));
    const segment = { key, text: answer.text, startMs, endMs: this.#heardMs, confidence: answer.tokenConfidence };
    this.#startAnew();
    return [
      ...(isWanted ? [{ type: "segment", final: true, ...segment } as const] : []),
      ...(reason === "turn" ? [{ type: "turn-ended", offsetMs: segment.endMs } as const] : []),
    ];
  }

  /** The speech is over although no audio says so. */
  stopSpeaking(): readonly LiveEvent[] {
    if (!this.#speaking) return [];
    this.#speaking = false;
    this.#run = { chunks: 0, milliseconds: 0 };
    return [{ type: "speech-ended", offsetMs: this.#heardMs }];
  }

  get #key(): string {
    return `utterance_${this.#number}`;
  }

  #startAnew(): void {
    this.#number++;
    this.#flushedMs = this.#heardMs;
    this.#startMs = this.#speaking ? this.#heardMs : undefined;
    this.#peak = 0;
    this.#told = "";
  }

  #isSure({ text, tokenConfidence }: Answer): boolean {
    return text !== "" && tokenConfidence >= this.#settings.minTokenConfidence;
  }

  /** In turns of the caller's own nothing is silence that has words in it. */
  #isSilence({ peakProbability }: Answer): boolean {
    return this.#turns.mode !== "manual" && Math.max(this.#peak, peakProbability) < this.#startThreshold;
  }

  #tellInterim(answer: Answer): readonly LiveEvent[] {
    const { text } = answer;
    const quiet = this.#turns.mode !== "manual" && this.#settings.suppressSilence && !this.#speaking;
    if (!this.#interim || quiet || !this.#isSure(answer)) return [];
    if (this.#settings.dedupe && text === this.#told) return [];
    this.#told = text;
    return [{ type: "segment", key: this.#key, final: false, text, startMs: this.#startMs ?? this.#flushedMs }];
  }

  get #startThreshold(): number {
    const asked = this.#turns.mode === "silence" ? this.#turns.threshold : undefined;
    return asked ?? this.#settings.startThreshold;
  }

  /** Speech begins and ends with several chunks in a row, so that one cough does neither. */
  #followSpeech({ speechProbability }: Answer, milliseconds: number): readonly LiveEvent[] {
    if (this.#turns.mode === "manual") return [];
    const endThreshold = Math.min(this.#settings.endThreshold, this.#startThreshold);
    const forChange = this.#speaking ? speechProbability < endThreshold : speechProbability >= this.#startThreshold;
    const { chunks, milliseconds: before } = this.#run;
    this.#run = forChange
      ? { chunks: chunks + 1, milliseconds: before + milliseconds }
      : { chunks: 0, milliseconds: 0 };
    if (this.#speaking) return this.#hasEnded ? this.stopSpeaking() : [];
    return this.#run.chunks >= this.#settings.startHoldChunks ? this.#startSpeaking() : [];
  }

  get #hasEnded(): boolean {
    const silenceMs = this.#turns.mode === "silence" ? this.#turns.silenceMs : undefined;
    if (silenceMs !== undefined) return this.#run.chunks > 0 && this.#run.milliseconds >= silenceMs;
    return this.#run.chunks >= this.#settings.endHoldChunks;
  }

  #startSpeaking(): readonly LiveEvent[] {
    const offsetMs = this.#heardMs - this.#run.milliseconds;
    this.#speaking = true;
    this.#startMs = offsetMs;
    this.#run = { chunks: 0, milliseconds: 0 };
    return [{ type: "speech-started", offsetMs }];
  }
}
