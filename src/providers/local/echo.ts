import type { Chat, ChatEvent, ChatRequest, Message, Part } from "../../core/chat.ts";
import { type ErrorCode, type FailureReason, LivellmError } from "../../core/error.ts";
import { randomId } from "../../core/random-id.ts";
import type { Warning } from "../../core/route.ts";
import { sleep } from "../../streams/signals.ts";
import { type EchoOptions, readEchoOptions } from "./echo-options.ts";

/** The model that says again what it was told. */
export const echoModel = "echo";

/**
 * The model `echo`: streams the last user message back word by word (or the results of the tools, when those came last). It
 * is real and deterministic, for people to test their own clients with; a word counts as a token. Its options are in
 * docs/api-examples.md.
 */
export const echo: Chat = {
  async *stream(request, signal) {
    if (request.model !== echoModel) throw noSuchModel(request.model);
    const options = readEchoOptions(request.options);
    if (options.failBefore) throw echoFailure(options.failBefore);
    yield { type: "response", model: echoModel, requestId: randomId("echo"), warnings: warningsFor(request, options) };
    if (options.reasoning) yield* speak("reasoning", wordsOf(options.reasoning), options, signal);
    const last = request.messages.at(-1);
    if (options.toolCall && last?.role !== "tool") yield* callTool(request, options.toolCall);
    else yield* answer(request, options, signal);
  },
};

async function* answer(request: ChatRequest, options: EchoOptions, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const all = Array.from({ length: options.repeat }, () => wordsOf(textToEcho(request.messages))).flat();
  const words = all.slice(0, request.generation.maxOutputTokens ?? all.length);
  yield* speak("text", words, options, signal);
  const cut = words.length < all.length;
  yield {
    type: "finished",
    finishReason: cut ? "length" : "stop",
    providerFinishReason: cut ? "length" : "stop",
    usage: usageOf(request, words.length),
  };
}

async function* speak(
  type: "text" | "reasoning",
  words: readonly string[],
  options: EchoOptions,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent> {
  yield { type: "part-started", key: type, part: { type } };
  for (const [i, word] of words.entries()) {
    if (type === "text") await interrupt(i, options, signal);
    if (options.paceMs > 0) await sleep(options.paceMs, signal);
    else if (signal.aborted) throw signal.reason;
    yield { type: "delta", key: type, text: word };
  }
  if (type === "text") await interrupt(words.length, options, signal);
  yield { type: "part-finished", key: type };
}

/** What the options ask to go wrong after so many words. */
async function interrupt(written: number, options: EchoOptions, signal: AbortSignal): Promise<void> {
  if (options.failAfter && written === options.afterWords) throw echoFailure(options.failAfter);
  if (written === options.stallAfterWords) await new Promise((_, reject) => onAbort(signal, reject));
}

function onAbort(signal: AbortSignal, reject: (reason: unknown) => void): void {
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
}

function* callTool(request: ChatRequest, call: NonNullable<EchoOptions["toolCall"]>): Generator<ChatEvent> {
  const id = randomId("call");
  yield { type: "part-started", key: id, part: { type: "tool-call", id, name: call.name, executor: "client" } };
  yield { type: "delta", key: id, text: JSON.stringify(call.arguments) };
  yield { type: "part-finished", key: id };
  yield {
    type: "finished",
    finishReason: "tool_calls",
    providerFinishReason: "tool_call",
    usage: usageOf(request, 1),
  };
}

function textToEcho(messages: readonly Message[]): string {
  const last = messages.at(-1);
  const source = last?.role === "tool" ? last : messages.findLast(({ role }) => role === "user");
  return (source?.parts ?? []).flatMap(textOf).join("\n");
}

function textOf(part: Part): string[] {
  if (part.type === "text") return [part.text];
  if (part.type === "tool-result") return [part.text || JSON.stringify(part.structured ?? {})];
  return [];
}

/** Words with the space behind them, so that joining them gives the text. */
function wordsOf(text: string): readonly string[] {
  return text.match(/\s*\S+\s*?(?=\s|$)|\s+$/g) ?? [];
}

function usageOf(request: ChatRequest, outputTokens: number) {
  const texts = [request.instructions, ...request.messages.flatMap(({ parts }) => parts.flatMap(textOf))];
  return { inputTokens: texts.flatMap(wordsOf).length, outputTokens };
}

function warningsFor({ generation, tools, messages }: ChatRequest, { toolCall }: EchoOptions): Warning[] {
  const { maxOutputTokens, outputModalities, stopSequences, ...rest } = generation;
  const ignored = Object.entries({ ...rest, ...(stopSequences.length > 0 && { stopSequences }) })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => `config.generation.${name}`);
  const idleTools = tools.length > 0 && !toolCall ? ["config.tools"] : [];
  return [
    ...[...ignored, ...idleTools].map((field) => warning("option-ignored", "the model echo has no use for it", field)),
    ...filesIn(messages).map((field) => warning("part-dropped", "the model echo takes text alone: left out", field)),
  ];
}

function filesIn(messages: readonly Message[]): string[] {
  return messages.flatMap(({ parts }, i) =>
    parts.flatMap(({ type }, j) => (type === "media" ? [`messages[${i}].parts[${j}].media`] : [])),
  );
}

function warning(code: string, message: string, field: string): Warning {
  return { code, message, field };
}

/** The status that a vendor's failure of this kind becomes. */
const codes: Partial<Record<FailureReason, ErrorCode>> = {
  provider_rejected: "invalid_argument",
  context_too_long: "invalid_argument",
  content_blocked: "invalid_argument",
  provider_auth: "failed_precondition",
  unsupported: "failed_precondition",
  rate_limited: "resource_exhausted",
  quota_exhausted: "resource_exhausted",
  model_not_found: "not_found",
  bad_provider_response: "internal",
};

/** What `echo` fails with when it is asked to. */
export function echoFailure(reason: FailureReason): LivellmError {
  return new LivellmError(codes[reason] ?? "unavailable", reason, `echo was asked to fail with ${reason}`);
}

function noSuchModel(model: string): LivellmError {
  return new LivellmError("not_found", "model_not_found", `the provider local has no chat model ${model}; it has echo`);
}
