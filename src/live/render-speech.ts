import type { AudioFormat, Word } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import type { Warning } from "../core/route.ts";
import type { SpeechEvent } from "../core/speech.ts";
import type { Usage } from "../core/usage.ts";
import type { SpeechOutput } from "./speech-output.ts";

/** What a target says, in the form that the caller gets. `begun` once, first. */
export type RenderedSpeech =
  | {
      readonly type: "begun";
      readonly format: AudioFormat;
      readonly model?: string;
      readonly requestId?: string;
      readonly warnings: readonly Warning[];
    }
  | Extract<SpeechEvent, { type: "audio" | "words" | "flushed" | "cleared" }>
  | {
      readonly type: "finished";
      readonly usage: Usage;
      readonly durationMs?: number;
      readonly warnings: readonly Warning[];
    };

/**
 * Puts a target's audio into the caller's form. A target may begin again (`response`) for each stretch of a longer speech;
 * word times then count from the start of the stretch. Throws `stream_broken` when it ends without `finished`.
 */
export async function* renderSpeech(
  events: AsyncIterable<SpeechEvent>,
  output: SpeechOutput,
): AsyncGenerator<RenderedSpeech, void, undefined> {
  const rendering = new Rendering(output);
  for await (const event of events) {
    yield* rendering.read(event);
    if (event.type === "finished") return;
  }
  throw new LivellmError(
    "unavailable",
    "stream_broken",
    "the speech ended before the provider said that it is complete",
  );
}

class Rendering {
  readonly #output: SpeechOutput;
  #begun = false;
  /** Where the stretch under way starts in what the caller gets. */
  #startMs: number | undefined = 0;
  readonly #warnings: Warning[] = [];

  constructor(output: SpeechOutput) {
    this.#output = output;
  }

  *read(event: SpeechEvent): Generator<RenderedSpeech, void, undefined> {
    switch (event.type) {
      case "response":
        return yield* this.#begin(event);
      case "audio":
        return yield* asAudio(this.#output.push(event.data));
      case "words":
        return yield* this.#words(event.words);
      case "flushed":
        yield* asAudio(this.#output.flush());
        return yield event;
      case "cleared":
        this.#output.drop();
        return yield event;
      case "finished":
        return yield* this.#finish(event);
      default:
        return event satisfies never;
    }
  }

  *#begin(event: Extract<SpeechEvent, { type: "response" }>): Generator<RenderedSpeech, void, undefined> {
    const left = this.#output.begin(event.format);
    const warnings = event.warnings ?? [];
    if (!this.#begun) {
      this.#begun = true;
      const { format } = this.#output;
      const { model, requestId } = event;
      return yield { type: "begun", format, model, requestId, warnings: [...this.#output.warnings, ...warnings] };
    }
    yield* asAudio(left);
    this.#startMs = this.#output.durationMs;
    this.#warnings.push(...warnings);
  }

  /** Behind audio of a length that is not known nothing can be said. */
  *#words(words: readonly Word[]): Generator<RenderedSpeech, void, undefined> {
    const startMs = this.#startMs;
    if (startMs === undefined || words.length === 0) return;
    const later = (word: Word) => ({ ...word, startMs: word.startMs + startMs, endMs: word.endMs + startMs });
    yield { type: "words", words: words.map(later) };
  }

  *#finish(event: Extract<SpeechEvent, { type: "finished" }>): Generator<RenderedSpeech, void, undefined> {
    yield* asAudio(this.#output.flush());
    const { durationMs } = this.#output;
    const made = durationMs === undefined ? {} : { outputAudioMs: durationMs };
    const warnings = [...this.#warnings, ...(event.warnings ?? [])];
    yield { type: "finished", usage: { ...made, ...event.usage }, durationMs, warnings };
  }
}

function* asAudio(pieces: readonly Uint8Array[]): Generator<RenderedSpeech, void, undefined> {
  for (const data of pieces) yield { type: "audio", data };
}
