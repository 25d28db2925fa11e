import type { Chat, ChatEvent, ChatRequest, FinishReason, Message, Part, ToolCallPart } from "../core/chat.ts";
import { LivellmError } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { Attempt, RouteResult, Warning } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import type { OutputRole } from "../routing/attempt.ts";
import { type FallbackEvent, withFallback } from "../routing/fallback.ts";
import type { Plan, ReadyTarget } from "../routing/plan.ts";
import { PartAssembler } from "./parts.ts";
import type { RunEvent, RunResult } from "./run-event.ts";

/** A run as the service asks for it: the model and the options of each call come from the plan's target. */
export interface RunInput {
  readonly plan: Plan<"chat">;
  readonly request: Omit<ChatRequest, "model" | "options">;
  /** True when only the whole answer is wanted: providers that offer it are asked without streaming. */
  readonly whole: boolean;
}

/** Runs the model until it has answered. Errors are thrown; the last event is `finished`. */
export async function* runAgent(input: RunInput, signal: AbortSignal): AsyncGenerator<RunEvent, void, undefined> {
  const step = new Step(0, 0, input.request.generation.reasoning?.hidden ?? false);
  const call = { role, open: (target: ReadyTarget<"chat">, s: AbortSignal) => openChat(input, target, s) };
  for await (const event of withFallback(input.plan, call, signal)) yield* step.read(event);
  yield { type: "finished", result: step.result() };
}

/** One model call. */
async function* openChat(
  input: RunInput,
  target: ReadyTarget<"chat">,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void, undefined> {
  const chat: Chat = target.use.capability;
  const request: ChatRequest = { ...input.request, model: target.model, options: target.options };
  const events = input.whole && chat.generate ? await chat.generate(request, signal) : chat.stream(request, signal);
  let finished = false;
  for await (const event of events) {
    finished = event.type === "finished";
    yield event;
  }
  if (!finished) throw new LivellmError("unavailable", "stream_broken", `${target.kind} ended without a finish`);
}

/** The contract: the first non-empty text, reasoning or tool call commits. So does the end of an answer that is empty. */
function role(event: ChatEvent): OutputRole {
  switch (event.type) {
    case "delta":
      return event.text === "" ? "waits" : "commits";
    case "part-started":
      return event.part.type === "tool-call" ? "commits" : "waits";
    case "part":
    case "finished":
      return "commits";
    case "progress":
      return "passes";
    default:
      return "waits";
  }
}

/** One model call being read: what it says becomes the run's events, and in the end its result. */
class Step {
  readonly #step: number;
  readonly #parts: PartAssembler;
  readonly #warnings: Warning[] = [];
  #target: ReadyTarget<"chat"> | undefined;
  #attempts: readonly Attempt[] = [];
  #begun = false;
  #model: string | undefined;
  #providerRequestId: string | undefined;
  #finished: Extract<ChatEvent, { type: "finished" }> | undefined;

  constructor(step: number, firstIndex: number, hideReasoning: boolean) {
    this.#step = step;
    this.#parts = new PartAssembler(firstIndex, hideReasoning);
  }

  read(event: FallbackEvent<"chat", ChatEvent>): readonly RunEvent[] {
    switch (event.type) {
      case "output":
        return this.#readChat(event.output);
      case "attempt-failed":
        return [event];
      case "progress":
        return event.output.type === "progress" ? [{ type: "heartbeat", note: event.output.note }] : [];
      case "committed":
        this.#target = event.target;
        this.#attempts = event.attempts;
        return [];
      default:
        return event satisfies never;
    }
  }

  result(): RunResult {
    const parts = this.#parts.parts;
    const pendingToolCalls = parts.filter(isClientToolCall);
    const message: Message = { role: "assistant", parts };
    return {
      text: parts.flatMap((part) => (part.type === "text" ? part.text : [])).join(""),
      finishReason: this.#finishReason(pendingToolCalls),
      providerFinishReason: this.#finished?.providerFinishReason ?? "",
      messages: parts.length > 0 ? [message] : [],
      pendingToolCalls,
      usage: this.#usage(),
      routeResult: this.#routeResult(),
      warnings: this.#warnings,
      ...(this.#finished?.metadata && { metadata: this.#finished.metadata satisfies JsonObject }),
    };
  }

  #readChat(event: ChatEvent): readonly RunEvent[] {
    switch (event.type) {
      case "response":
        this.#model = event.model ?? this.#model;
        this.#providerRequestId = event.requestId ?? this.#providerRequestId;
        this.#warnings.push(...(event.warnings ?? []));
        return [];
      case "part-started":
        return this.#afterBegin(this.#parts.start(event.key, event.part));
      case "delta":
        return this.#afterBegin(this.#parts.delta(event.key, event.text));
      case "part-finished":
        return this.#afterBegin(this.#parts.finish(event));
      case "part":
        return this.#afterBegin(this.#parts.whole(event.part));
      case "progress":
        return [{ type: "heartbeat", note: event.note }];
      case "finished":
        return this.#finish(event);
      default:
        return event satisfies never;
    }
  }

  #finish(event: Extract<ChatEvent, { type: "finished" }>): readonly RunEvent[] {
    this.#finished = event;
    this.#warnings.push(...(event.warnings ?? []));
    const last = this.#parts.finishAll();
    const finishReason = this.#finishReason(this.#parts.parts.filter(isClientToolCall));
    return [...this.#begin(), ...last, { type: "step-finished", step: this.#step, finishReason, usage: this.#usage() }];
  }

  #afterBegin(events: readonly RunEvent[]): readonly RunEvent[] {
    if (this.#begun || events.length === 0) return events;
    return [...this.#begin(), ...events];
  }

  /** `started` and `step_started` come with the first output, when everything they tell is known. */
  #begin(): readonly RunEvent[] {
    if (this.#begun) return [];
    this.#begun = true;
    const routeResult = this.#routeResult();
    return [
      { type: "started", routeResult, warnings: [...this.#warnings] },
      { type: "step-started", step: this.#step, routeResult },
    ];
  }

  /** Some vendors say `stop` after a tool call. */
  #finishReason(pendingToolCalls: readonly ToolCallPart[]): FinishReason {
    const reason = this.#finished?.finishReason ?? "other";
    return reason === "stop" && pendingToolCalls.length > 0 ? "tool_calls" : reason;
  }

  #usage(): Usage {
    return { modelCalls: 1, ...this.#finished?.usage };
  }

  #routeResult(): RouteResult {
    return {
      targetIndex: this.#target?.index,
      provider: this.#target?.provider ?? "",
      providerKind: this.#target?.kind ?? "",
      model: this.#model ?? this.#target?.model ?? "",
      ...(this.#providerRequestId && { providerRequestId: this.#providerRequestId }),
      attempts: this.#attempts,
    };
  }
}

function isClientToolCall(part: Part): part is ToolCallPart {
  return part.type === "tool-call" && part.executor === "client";
}
