import type { ChatEvent, ChatRequest, FinishReason, Message, Part, ToolCallPart } from "../core/chat.ts";
import type { ContextPolicy } from "../core/provider.ts";
import type { Warning } from "../core/route.ts";
import { addUsage } from "../core/usage.ts";
import type { OutputRole } from "../routing/attempt.ts";
import { withFallback } from "../routing/fallback.ts";
import type { Plan, ReadyTarget } from "../routing/plan.ts";
import type { ToolSet } from "../tools/tool-set.ts";
import { createChatMeter } from "./chat-meter.ts";
import { callWithinContext } from "./context.ts";
import { type ContextMemory, createContextMemory, type ModelFacts } from "./context-call.ts";
import { joinToolMessages } from "./history.ts";
import type { CheckOutput } from "./output-check.ts";
import type { RunEvent, RunResult } from "./run-event.ts";
import { mayRunTools, runTools } from "./run-tools.ts";
import { isOpenCall, Step, type StepResult } from "./step.ts";

/** A run as the service asks for it: the model and the options of each call come from the plan's target. */
export interface RunInput {
  readonly plan: Plan<"chat">;
  readonly request: Omit<ChatRequest, "model" | "options" | "tools">;
  readonly tools: ToolSet;
  /** True when only the whole answer is wanted: providers that offer it are asked without streaming. */
  readonly whole: boolean;
  /** The most model calls. */
  readonly maxSteps: number;
  /** The caller's; that of the target when it says nothing. */
  readonly contextPolicy?: ContextPolicy;
  readonly facts: ModelFacts;
  readonly checkOutput?: CheckOutput;
}

/**
 * Runs the model, and the tools that this server runs, until it has answered, waits for a tool of the caller, or has been
 * called `maxSteps` times. Each model call is routed anew; no tool is run twice. Errors are thrown; the last event is
 * `finished`.
 */
export async function* runAgent(input: RunInput, signal: AbortSignal): AsyncGenerator<RunEvent, void, undefined> {
  const run = new Run(input);
  for (;;) {
    const step = yield* runStep(run, signal);
    const calls = step.parts.filter(isOpenCall).filter(({ executor }) => executor === "server");
    const { finishReason } = step;
    const { tools, request, plan } = input;
    const asked = { calls, tools, toolChoice: request.toolChoice, finishReason, observation: plan.observation };
    const results = calls.length === 0 ? [] : yield* runTools(asked, signal);
    run.add(step, results.length > 0 ? [{ role: "tool", parts: results }] : []);
    if (run.isOver(step)) break;
  }
  yield { type: "finished", result: run.result() };
}

/** One model call, with fallback. */
async function* runStep(run: Run, signal: AbortSignal): AsyncGenerator<RunEvent, StepResult, undefined> {
  const { plan, request, tools } = run.input;
  using observation = plan.observation?.step(run.steps.length);
  const step = new Step({
    step: run.steps.length,
    firstIndex: run.steps.at(-1)?.nextIndex ?? 0,
    hideReasoning: request.generation.reasoning?.hidden ?? false,
    warnings: run.steps.length === 0 ? tools.warnings : [],
    runs: tools.runs,
    callIds: run.callIds,
  });
  const call = {
    role,
    open: (target: ReadyTarget<"chat">, s: AbortSignal) => openChat(run, target, s),
    meter: () => createChatMeter(() => run.request()),
  };
  const observed = observation ? { ...plan, observation } : plan;
  for await (const event of withFallback(observed, call, signal)) yield* step.read(event);
  return step.result();
}

function openChat(run: Run, target: ReadyTarget<"chat">, signal: AbortSignal): AsyncIterable<ChatEvent> {
  const { contextPolicy, facts, whole } = run.input;
  const call = {
    chat: target.use.capability,
    kind: target.kind,
    provider: target.provider,
    target,
    request: { ...run.request(), model: target.model, options: target.options },
    policy: contextPolicy ?? target.contextPolicy,
    memory: run.memory,
    facts,
    whole,
  };
  return callWithinContext(call, signal);
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

/** What a run has come to so far. */
class Run {
  readonly input: RunInput;
  readonly steps: StepResult[] = [];
  readonly memory: ContextMemory = createContextMemory();
  readonly callIds: Set<string>;
  readonly #asked: readonly Message[];
  readonly #added: Message[] = [];

  constructor(input: RunInput) {
    this.input = input;
    this.#asked = joinToolMessages(input.request.messages);
    this.callIds = new Set(this.#asked.flatMap(({ parts }) => parts.flatMap(callId)));
  }

  add(step: StepResult, results: readonly Message[]): void {
    this.steps.push(step);
    if (step.parts.length > 0) this.#added.push({ role: "assistant", parts: step.parts });
    this.#added.push(...results);
  }

  /** For the next model call. That a tool must be used is met by the first; else the model could never answer. */
  request(): Omit<ChatRequest, "model" | "options"> {
    const { request, tools } = this.input;
    const { toolChoice } = request;
    return {
      ...request,
      messages: [...this.#asked, ...this.#added],
      tools: tools.modelTools,
      ...(this.steps.length > 0 && toolChoice?.mode === "required" && { toolChoice: { ...toolChoice, mode: "auto" } }),
    };
  }

  isOver({ finishReason, parts }: StepResult): boolean {
    const calls = parts.filter(isOpenCall);
    const waits = calls.some(({ executor }) => executor === "client");
    return calls.length === 0 || waits || !mayRunTools(finishReason) || this.steps.length >= this.input.maxSteps;
  }

  result(): RunResult {
    const last = this.steps.at(-1);
    if (!last) throw new Error("a run without a step");
    const text = last.parts.flatMap((part) => (part.type === "text" ? part.text : [])).join("");
    const pendingToolCalls = last.parts.filter(isOpenCall).filter(({ executor }) => executor === "client");
    const finishReason = finishReasonOf(last, pendingToolCalls);
    const wrong = this.input.checkOutput?.(text, finishReason);
    return {
      text,
      finishReason,
      providerFinishReason: last.providerFinishReason,
      messages: this.#added,
      pendingToolCalls,
      usage: this.steps.map(({ usage }) => usage).reduce(addUsage),
      routeResult: { ...last.routeResult, attempts: this.steps.flatMap(({ routeResult }) => routeResult.attempts) },
      warnings: [...distinct(this.steps.flatMap(({ warnings }) => warnings)), ...(wrong ? [wrong] : [])],
      ...(last.metadata && { metadata: last.metadata }),
    };
  }
}

function callId(part: Part): string[] {
  return part.type === "tool-call" ? [part.id] : [];
}

/** A last step that called tools of this server was cut short by `maxSteps`. */
function finishReasonOf({ finishReason, parts }: StepResult, pending: readonly ToolCallPart[]): FinishReason {
  if (pending.length > 0 || !parts.some(isOpenCall)) return finishReason;
  return mayRunTools(finishReason) ? "max_steps" : finishReason;
}

/** What every step warns of is told once; of what changes from step to step, such as what was left out, the last. */
function distinct(warnings: readonly Warning[]): readonly Warning[] {
  const keyOf = ({ code, field, message }: Warning) => JSON.stringify([code, field || message]);
  return [...new Map(warnings.map((warning) => [keyOf(warning), warning])).values()];
}
