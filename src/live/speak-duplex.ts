import { LivellmError } from "../core/error.ts";
import type { SpeechEvent, SpeechInput, SpeechSession } from "../core/speech.ts";
import { withFallback } from "../routing/fallback.ts";
import type { ReadyTarget } from "../routing/plan.ts";
import { type LinkedController, linkedController } from "../streams/signals.ts";
import { Debts, longestTimeoutMs, whileOwing } from "./debts.ts";
import { joinableFormats } from "./joinable-formats.ts";
import { type RenderedSpeech, renderSpeech } from "./render-speech.ts";
import { ReplayedInput } from "./replayed-input.ts";
import type { SpeakEvent } from "./speak-event.ts";
import { type SentencesCall, speakSentences } from "./speak-sentences.ts";
import { SpeechOutput } from "./speech-output.ts";
import { requestFor, type SpeechCall, SpeechRun } from "./speech-run.ts";

type Target = ReadyTarget<"speech">;

/**
 * Speaks a text that is still being written. Until a target is accepted the text is kept, so that the next one gets all of
 * it. Errors are thrown; the last event is `finished`, after the end of `input`.
 */
export async function* speakDuplex(
  call: SpeechCall & { readonly input: AsyncIterable<SpeechInput> },
  signal: AbortSignal,
): AsyncGenerator<SpeakEvent, void, undefined> {
  using controller = linkedController(signal);
  const input = new ReplayedInput(call.input, (error) => controller.abort(error));
  const run = new SpeechRun();
  // After the commit a session is watched where it is known what is owed: a writer may take their time.
  const plan = { ...call.plan, stallTimeoutMs: longestTimeoutMs };
  const open = (target: Target, s: AbortSignal) => speakWith(target, { ...call, input }, s);
  try {
    for await (const event of withFallback(plan, { open, role }, controller.signal)) {
      if (event.type === "committed") input.settle();
      yield* run.read(event);
    }
  } catch (error) {
    throw input.failure ? input.failure.error : error;
  }
}

/** The contract: the accepted session commits. */
function role(event: RenderedSpeech): "commits" | "waits" {
  return event.type === "begun" ? "commits" : "waits";
}

type TargetCall = SpeechCall & { readonly input: ReplayedInput<SpeechInput> };

async function* speakWith(
  target: Target,
  call: TargetCall,
  signal: AbortSignal,
): AsyncGenerator<RenderedSpeech, void, undefined> {
  using controller = linkedController(signal);
  const { capability } = target.use;
  const session = capability.duplex?.(target.model);
  const offered = capability.formats(target.model);
  const output = new SpeechOutput(call, session ? offered : joinableFormats(offered));
  const request = requestFor(target, call, output.choice.ask);
  const { stallTimeoutMs } = call.plan;
  const reader = call.input.open(controller.signal);
  try {
    const events = session
      ? speakAtOnce(session, { request, stallTimeoutMs, input: reader.items, target }, controller)
      : speakSentences(capability, { request, stallTimeoutMs }, reader.items, controller.signal);
    yield* renderSpeech(events, output);
  } finally {
    controller.abort(over);
    reader.close();
  }
}

const over = new LivellmError("canceled", "cancelled", "the session is over");

/** With a model that takes the text while it is written. It owes audio up to a flush, and the end after the end. */
async function* speakAtOnce(
  session: SpeechSession,
  call: SentencesCall & { readonly input: AsyncIterable<SpeechInput>; readonly target: Target },
  controller: LinkedController,
): AsyncGenerator<SpeechEvent, void, undefined> {
  using debts = new Debts(call.stallTimeoutMs, () => controller.abort(stalled(call.target, call.stallTimeoutMs)));
  const counter = { characters: 0 };
  const input = watchInput(call.input, debts, counter);
  const events = session(call.request, input, controller.signal);
  for await (const event of whileOwing(events, debts, controller.signal)) {
    if (event.type === "flushed" || event.type === "cleared") debts.pay("flush");
    if (event.type !== "finished") yield event;
    else yield { ...event, usage: { inputCharacters: counter.characters, ...event.usage } };
  }
}

async function* watchInput(
  items: AsyncIterable<SpeechInput>,
  debts: Debts,
  counter: { characters: number },
): AsyncGenerator<SpeechInput, void, undefined> {
  for await (const item of items) {
    if (item.type === "text") counter.characters += [...item.text].length;
    else if (item.type === "flush") debts.owe("flush");
    yield item;
  }
  debts.owe("end");
}

function stalled({ kind, model }: Target, stallTimeoutMs: number): LivellmError {
  const message = `${kind}/${model} did not go on speaking for the stall timeout of ${stallTimeoutMs / 1000} s`;
  return new LivellmError("unavailable", "timeout", message);
}
