import { LivellmError } from "../core/error.ts";
import type { Warning } from "../core/route.ts";
import type { Speech, SpeechEvent, SpeechRequest } from "../core/speech.ts";
import { addUsage, type Usage } from "../core/usage.ts";
import { worthAnotherTry } from "./try-again.ts";

/** A text that is longer than the model takes, in pieces that it does. */
export interface TextPieces {
  readonly request: SpeechRequest;
  readonly pieces: readonly string[];
}

/**
 * Speaks a text piece by piece, one after the other. `response` comes again with each of them, in its own form; the first says in a
 * warning that there are several. `finished` comes once, with what all of them took.
 */
export async function* speakPieces(
  speech: Speech,
  { request, pieces }: TextPieces,
  signal: AbortSignal,
): AsyncGenerator<SpeechEvent, void, undefined> {
  let usage: Usage = {};
  for (const [i, text] of pieces.entries()) {
    const open = () => speech.stream({ ...request, text }, signal);
    const used = yield* i === 0 ? withoutEnd(open(), [splitWarning(pieces)]) : untilSpoken(open, signal);
    usage = addUsage(usage, { inputCharacters: [...text].length, ...used });
  }
  yield { type: "finished", usage };
}

/** A piece behind others. What fails before its first audio is asked for again: nobody has noticed. */
async function* untilSpoken(
  open: () => AsyncIterable<SpeechEvent>,
  signal: AbortSignal,
): AsyncGenerator<SpeechEvent, Usage, undefined> {
  for (let failures = 1; ; failures++) {
    const heard = { audio: false };
    try {
      return yield* withoutEnd(noticing(open(), heard), []);
    } catch (error) {
      if (heard.audio || !(await worthAnotherTry(error, failures, signal))) throw error;
    }
  }
}

async function* noticing(events: AsyncIterable<SpeechEvent>, heard: { audio: boolean }): AsyncGenerator<SpeechEvent> {
  for await (const event of events) {
    heard.audio ||= event.type === "audio";
    yield event;
  }
}

/** One piece. Returns what it took. */
async function* withoutEnd(
  events: AsyncIterable<SpeechEvent>,
  warnings: readonly Warning[],
): AsyncGenerator<SpeechEvent, Usage, undefined> {
  for await (const event of events) {
    if (event.type === "finished") return event.usage;
    yield event.type === "response" ? { ...event, warnings: [...warnings, ...(event.warnings ?? [])] } : event;
  }
  const message = "the speech ended before the provider said that it is complete";
  throw new LivellmError("unavailable", "stream_broken", message);
}

function splitWarning({ length }: readonly string[]): Warning {
  const message = `the text is longer than the model takes; it is spoken in ${length} pieces, cut between sentences`;
  return { code: "text-split", message, field: "text" };
}
