import { withFallback } from "../routing/fallback.ts";
import type { ReadyTarget } from "../routing/plan.ts";
import type { UsageMeter } from "../routing/usage-meter.ts";
import { piecesOf } from "./cut-text.ts";
import { joinableFormats, refuseUnjoinable } from "./joinable-formats.ts";
import { type RenderedSpeech, renderSpeech } from "./render-speech.ts";
import type { SpeakEvent } from "./speak-event.ts";
import { speakPieces } from "./speak-pieces.ts";
import { SpeechOutput } from "./speech-output.ts";
import { requestFor, type SpeechCall, SpeechRun } from "./speech-run.ts";

/**
 * Speaks a text. Every target's form is chosen before it is paid; what it sends is converted before it counts, so that the
 * first audio commits and nothing of a target that failed is heard. Errors are thrown; the last event is `finished`.
 */
export async function* speak(
  call: SpeechCall & { readonly text: string },
  signal: AbortSignal,
): AsyncGenerator<SpeakEvent, void, undefined> {
  const run = new SpeechRun();
  const open = (target: ReadyTarget<"speech">, s: AbortSignal) => speakWith(target, call, s);
  const meter = () => meterOf(call.text);
  for await (const event of withFallback(call.plan, { open, role, meter }, signal)) yield* run.read(event);
}

/** Speech is billed by the text that is asked for, even where not all of it was heard. */
function meterOf(text: string): UsageMeter<RenderedSpeech> {
  return { see: () => undefined, estimate: () => ({ inputCharacters: [...text].length }) };
}

/** The contract: the first audio commits; a speech without any is no answer. */
function role(event: RenderedSpeech): "commits" | "waits" {
  return event.type === "audio" ? "commits" : "waits";
}

async function* speakWith(
  target: ReadyTarget<"speech">,
  call: SpeechCall & { readonly text: string },
  signal: AbortSignal,
): AsyncGenerator<RenderedSpeech, void, undefined> {
  const { capability } = target.use;
  const pieces = piecesOf(call.text, capability.longestText?.(target.model), call.request.languageCode);
  const isWhole = pieces.length === 1;
  const offered = capability.formats(target.model);
  if (!isWhole) refuseUnjoinable(call.format, offered);
  const output = new SpeechOutput(call, isWhole ? offered : joinableFormats(offered));
  const request = { ...requestFor(target, call, output.choice.ask), text: call.text };
  const events = isWhole ? capability.stream(request, signal) : speakPieces(capability, { request, pieces }, signal);
  for await (const event of renderSpeech(events, output)) {
    if (event.type !== "finished") yield event;
    else yield { ...event, usage: { inputCharacters: [...call.text].length, ...event.usage } };
  }
}
