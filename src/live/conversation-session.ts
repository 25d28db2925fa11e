import { chooseInputFormat } from "../audio/choose-format.ts";
import { createConverter } from "../audio/convert.ts";
import type { AudioFormat } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import type { ConversationEvent, ConversationInput, ConversationRequest } from "../core/live.ts";
import type { Warning } from "../core/route.ts";
import type { TurnDetection } from "../core/transcription.ts";
import { addUsage, type Usage } from "../core/usage.ts";
import type { ReadyTarget } from "../routing/plan.ts";
import { linkedController } from "../streams/signals.ts";
import type { TargetEvent } from "./conversation-event.ts";
import { Debts, whileOwing } from "./debts.ts";
import type { ReplayedInput } from "./replayed-input.ts";
import { bytesPerFrame } from "./sample-reader.ts";
import { type OutputWish, SpeechOutput } from "./speech-output.ts";
import { planTurns, type TurnPlan } from "./turn-plan.ts";

/** What every target of a conversation is asked, whichever it is. */
export interface ConversationCall {
  readonly request: Omit<
    ConversationRequest,
    "model" | "voice" | "options" | "inputFormat" | "outputFormat" | "turnDetection"
  >;
  /** Of the user's audio: headerless, with a rate; undefined when there will be none. */
  readonly format: AudioFormat | undefined;
  /** Undefined when answers are written. */
  readonly spoken: OutputWish | undefined;
  /** Undefined: the target's default. */
  readonly turnDetection: TurnDetection | undefined;
}

type Target = ReadyTarget<"live">;

interface SessionCall extends ConversationCall {
  readonly input: ReplayedInput<ConversationInput>;
  /** How long a target that owes something may be silent. */
  readonly stallTimeoutMs: number;
}

/**
 * One target's conversation: gives it the caller's side from the start, in a form it takes, and yields what it says in the
 * caller's form. Ends after `finished`; everything else that ends it is thrown.
 */
export async function* openConversation(
  target: Target,
  call: SessionCall,
  signal: AbortSignal,
): AsyncGenerator<TargetEvent, void, undefined> {
  using controller = linkedController(signal);
  using debts = new Debts(call.stallTimeoutMs, () => controller.abort(stalled(target, call.stallTimeoutMs)));
  const session = new ConversationSession(target, call, debts);
  const reader = call.input.open(controller.signal);
  try {
    const { capability } = target.use;
    const events = capability.converse(session.request, session.input(reader.items), controller.signal);
    // To the end of the events, and not of what they tell: the adapter closes its socket properly after the last.
    for await (const event of whileOwing(events, debts, controller.signal)) yield* session.read(event);
    if (!session.finished) throw endedEarly(target);
  } finally {
    controller.abort(over);
    reader.close();
  }
}

const over = new LivellmError("canceled", "cancelled", "the conversation is over");

class ConversationSession {
  readonly request: ConversationRequest;
  /** Whether the target has ended it, after the caller has. */
  finished = false;
  #inputEnded = false;
  readonly #call: SessionCall;
  readonly #debts: Debts;
  readonly #turns: TurnPlan;
  readonly #output: SpeechOutput | undefined;
  /** Calls that wait for the caller's results. */
  readonly #calls = new Set<string>();
  /** What is to be told before what the target says next. */
  #warnings: Warning[] = [];
  #sentBytes = 0;
  #usage: Usage = {};

  constructor(target: Target, call: SessionCall, debts: Debts) {
    const { model, voice, options } = target;
    const { capability } = target.use;
    this.#call = call;
    this.#debts = debts;
    this.#turns = planTurns(call.turnDetection, capability.turnModes(model));
    this.#output = call.spoken && outputFor(call.spoken, target);
    this.request = {
      ...call.request,
      model,
      voice,
      options,
      inputFormat: call.format && inputFormatFor(call.format, target),
      outputFormat: this.#output?.choice.ask,
      turnDetection: this.#turns.ask,
    };
    if (this.#output) this.#output.begin(this.#output.choice.ask);
  }

  async *input(items: AsyncIterable<ConversationInput>): AsyncGenerator<ConversationInput, void, undefined> {
    const { format } = this.#call;
    const { inputFormat } = this.request;
    const converter = format && inputFormat && createConverter(format, inputFormat);
    for await (const item of items) {
      if (item.type === "tool-result" && !this.#calls.has(item.result.toolCallId)) {
        this.#warnings.push(resultIgnored);
        continue;
      }
      this.#note(item);
      if (item.type !== "audio") yield item;
      else if (converter) yield* asInput(converter.push(item.data));
    }
    if (converter) yield* asInput(converter.flush());
    this.#inputEnded = true;
    this.#debts.owe("end");
  }

  *read(event: ConversationEvent): Generator<TargetEvent, void, undefined> {
    const warnings = this.#warnings;
    this.#warnings = [];
    for (const warning of warnings) yield { type: "warning", warning };
    yield* this.#read(event);
  }

  *#read(event: ConversationEvent): Generator<TargetEvent, void, undefined> {
    switch (event.type) {
      case "accepted":
        return yield this.#accept(event);
      case "audio":
        this.#debts.owe("the rest");
        return yield* asAudio(this.#output?.push(event.data) ?? []);
      case "text":
      case "output-transcript":
        this.#debts.owe("the rest");
        return yield event;
      case "answer-generated":
        return this.#payAnswer();
      case "tool-call":
        if (event.call.executor === "client") this.#await(event.call.id);
        return yield event;
      case "tool-calls-cancelled":
        for (const id of event.ids) this.#calls.delete(id);
        return yield event;
      case "interrupted":
        this.#output?.drop();
        return yield event;
      case "answer-finished":
        yield* asAudio(this.#output?.flush() ?? []);
        return yield this.#finishAnswer(event);
      case "finished":
        this.finished = this.#inputEnded;
        if (this.finished) yield { type: "finished", usage: this.#add(event.usage) };
        return;
      default:
        return yield event;
    }
  }

  /** What the model owes something for: only then is its silence a stall. */
  #note(item: ConversationInput): void {
    if (item.type === "audio") this.#sentBytes += item.data.length;
    else if (item.type === "interrupt") this.#debts.pay("answer");
    else if (this.#asks(item)) this.#debts.owe("answer");
  }

  /** The model goes on when it has the results of all its calls. */
  #asks(item: Exclude<ConversationInput, { type: "audio" | "interrupt" }>): boolean {
    if (item.type === "tool-result") return this.#calls.delete(item.result.toolCallId) && this.#calls.size === 0;
    if (item.type === "text") return true;
    // Who finds turns may find that there was none.
    return this.request.turnDetection.mode === "manual" && this.#sentBytes > 0;
  }

  /** The caller is to answer: until then the model owes nothing. */
  #await(callId: string): void {
    this.#calls.add(callId);
    this.#payAnswer();
  }

  #payAnswer(): void {
    this.#debts.pay("answer");
    this.#debts.pay("the rest");
  }

  #accept({ model, requestId, warnings = [] }: ConversationEvent & { type: "accepted" }): TargetEvent {
    const ofOutput = (this.#output?.warnings ?? []).map(ofSpeech);
    return {
      type: "accepted",
      ...(model && { model }),
      ...(requestId && { requestId }),
      inputFormat: this.request.inputFormat,
      outputFormat: this.#output?.format,
      warnings: [...warnings.map(inStart), ...this.#turns.warnings, ...ofOutput],
    };
  }

  #finishAnswer(event: ConversationEvent & { type: "answer-finished" }): TargetEvent {
    const { finishReason, providerFinishReason, usage } = event;
    this.#payAnswer();
    return {
      type: "answer-finished",
      finishReason,
      providerFinishReason,
      answerUsage: usage,
      usage: this.#add(usage ?? {}),
    };
  }

  /** What the target tells, and what was heard and made where it does not. */
  #add(usage: Usage): Usage {
    this.#usage = addUsage(this.#usage, usage);
    const outputAudioMs = this.#output?.durationMs;
    return { ...this.#heard(), ...(outputAudioMs !== undefined && { outputAudioMs }), ...this.#usage };
  }

  #heard(): Usage {
    const { format } = this.#call;
    if (!format) return {};
    const seconds = this.#sentBytes / bytesPerFrame(format) / format.sampleRateHertz;
    return { inputAudioMs: Math.round(seconds * 1000) };
  }
}

function inputFormatFor(given: AudioFormat, { kind, model, use }: Target): AudioFormat {
  const format = chooseInputFormat(given, use.capability.inputFormats(model));
  if (format) return { ...format, sampleRateHertz: format.sampleRateHertz || given.sampleRateHertz };
  throw new LivellmError("failed_precondition", "unsupported", `${kind}/${model} does not listen: it takes text only`);
}

function outputFor(wish: OutputWish, { kind, model, use }: Target): SpeechOutput {
  const offered = use.capability.outputFormats(model);
  if (offered.length > 0) return new SpeechOutput(wish, offered);
  throw new LivellmError("failed_precondition", "unsupported", `${kind}/${model} does not speak: ask it for text`);
}

/** An adapter names fields by their place in the start. */
function inStart(warning: Warning): Warning {
  return { ...warning, field: warning.field?.replace(/^(?=config\.|messages\b)/, "start.") ?? "" };
}

/** The fields of a conversation have other places than those of a text to be spoken. */
function ofSpeech(warning: Warning): Warning {
  return { ...warning, field: warning.field?.replace(/^config\./, "start.config.speech.") ?? "" };
}

/** The call has been taken back, or there never was one. */
const resultIgnored: Warning = {
  code: "option-ignored",
  message: "no call waits for this result: it is left out",
  field: "toolResult.toolCallId",
};

function* asInput(data: Uint8Array): Generator<ConversationInput, void, undefined> {
  if (data.length > 0) yield { type: "audio", data };
}

function* asAudio(pieces: readonly Uint8Array[]): Generator<TargetEvent, void, undefined> {
  for (const data of pieces) yield { type: "audio", data };
}

function endedEarly({ kind, model }: Target): LivellmError {
  return new LivellmError(
    "unavailable",
    "stream_broken",
    `${kind}/${model} ended the conversation before the caller did`,
  );
}

function stalled({ kind, model }: Target, stallTimeoutMs: number): LivellmError {
  const message = `${kind}/${model} owes an answer, or the rest of one, for the stall timeout of ${stallTimeoutMs / 1000} s`;
  return new LivellmError("unavailable", "timeout", message);
}
