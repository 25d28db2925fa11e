import type { Word } from "../../core/audio-format.ts";
import type { JsonObject } from "../../core/json.ts";
import type { SpeechEvent } from "../../core/speech.ts";
import { strings } from "../openai-compatible/json-fields.ts";

/** Characters and when each is heard, in milliseconds. */
interface Alignment {
  readonly characters: readonly string[];
  readonly startsMs: readonly number[];
  readonly endsMs: readonly number[];
}

/** The form of HTTP answers: `{characters, character_start_times_seconds, character_end_times_seconds}`. */
export function readAlignment(value: JsonObject): Alignment {
  return {
    characters: strings(value.characters),
    startsMs: numbers(value.character_start_times_seconds).map(toMs),
    endsMs: numbers(value.character_end_times_seconds).map(toMs),
  };
}

/** The form of WebSocket messages: `{chars, charStartTimesMs, charDurationsMs}`; some servers say `charsDurationsMs`. */
export function readSocketAlignment(value: JsonObject): Alignment {
  const startsMs = numbers(value.charStartTimesMs);
  const durations = numbers(value.charDurationsMs ?? value.charsDurationsMs);
  return {
    characters: strings(value.chars),
    startsMs,
    endsMs: startsMs.map((start, i) => start + (durations[i] ?? 0)),
  };
}

function numbers(value: unknown): readonly number[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "number") : [];
}

function toMs(seconds: number): number {
  return seconds * 1000;
}

/** What the times of a piece count from: with `piece` from its own start, with `speech` from the start of all. */
type TimesFrom = "piece" | "speech";

/** Puts characters together to words, across the pieces in which they come. */
export class WordReader {
  readonly #timesFrom: TimesFrom;
  /** Where the piece begins whose times count from its own start. */
  #offsetMs = 0;
  #endMs = 0;
  #text = "";
  #startMs = 0;
  #wordEndMs = 0;

  constructor(timesFrom: TimesFrom) {
    this.#timesFrom = timesFrom;
  }

  /** The words that a piece completes. The last one of a piece may go on in the next, and waits. */
  read({ characters, startsMs, endsMs }: Alignment): readonly Word[] {
    this.#place(startsMs[0] ?? 0);
    const words: Word[] = [];
    for (const [i, character] of characters.entries()) {
      if (/^\s*$/.test(character)) words.push(...this.end());
      else this.#add(character, startsMs[i] ?? 0, endsMs[i] ?? startsMs[i] ?? 0);
    }
    this.#endMs = Math.max(this.#endMs, this.#offsetMs + (endsMs.at(-1) ?? 0));
    return words;
  }

  /** The word that waits: no more characters of it come. */
  end(): readonly Word[] {
    if (this.#text === "") return [];
    const word = { text: this.#text, startMs: Math.round(this.#startMs), endMs: Math.round(this.#wordEndMs) };
    this.#text = "";
    return [word];
  }

  #add(character: string, startMs: number, endMs: number): void {
    if (this.#text === "") this.#startMs = this.#offsetMs + startMs;
    this.#text += character;
    this.#wordEndMs = this.#offsetMs + endMs;
  }

  /**
   * Times of WebSocket messages "are relative to the returned chunk from the model, and not the full audio response"
   * (elevenlabs-js, `Alignment`). Those of HTTP answers are not; should one begin anew all the same, it goes on from the end.
   */
  #place(startMs: number): void {
    const isAnew = this.#offsetMs + startMs < this.#endMs - overlapMs;
    if (this.#timesFrom === "piece" || isAnew) this.#offsetMs = this.#endMs;
  }
}

/** Neighbours may overlap a little without a new beginning. */
const overlapMs = 50;

/** Words as an event, unless there are none. */
export function toWords(words: readonly Word[]): readonly SpeechEvent[] {
  return words.length > 0 ? [{ type: "words", words }] : [];
}
