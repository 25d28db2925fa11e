import { LivellmError } from "../core/error.ts";
import type { Warning } from "../core/route.ts";
import type { Speech, SpeechEvent, SpeechRequest } from "../core/speech.ts";
import { addUsage, type Usage } from "../core/usage.ts";

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
    const used = yield* withoutEnd(speech.stream({ ...request, text }, signal), i === 0 ? [splitWarning(pieces)] : []);
    usage = addUsage(usage, { inputCharacters: [...text].length, ...used });
  }
  yield { type: "finished", usage };
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
