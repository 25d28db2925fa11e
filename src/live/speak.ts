import { withFallback } from "../routing/fallback.ts";
import type { ReadyTarget } from "../routing/plan.ts";
import type { UsageMeter } from "../routing/usage-meter.ts";
import { type RenderedSpeech, renderSpeech } from "./render-speech.ts";
import type { SpeakEvent } from "./speak-event.ts";
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
  const output = new SpeechOutput(call, capability.formats(target.model));
  const request = { ...requestFor(target, call, output.choice.ask), text: call.text };
  for await (const event of renderSpeech(capability.stream(request, signal), output)) {
    if (event.type !== "finished") yield event;
    else yield { ...event, usage: { inputCharacters: [...call.text].length, ...event.usage } };
  }
}
