import type {
  ChatEvent,
  ChatRequest,
  FinishReason,
  Message,
  Part,
  ToolCallPart,
  ToolResultPart,
} from "../core/chat.ts";
import type { ContextPolicy } from "../core/context-policy.ts";
import type { Warning } from "../core/route.ts";
import { addUsage } from "../core/usage.ts";
import type { AttemptCall, OutputRole } from "../routing/attempt.ts";
import { withFallback } from "../routing/fallback.ts";
import type { FallbackEvent } from "../routing/fallback-event.ts";
import type { Plan, ReadyTarget } from "../routing/plan.ts";
import { type Batched, batched, inBatches } from "../streams/batches.ts";
import type { ToolSet } from "../tools/tool-set.ts";
import { createChatMeter } from "./chat-meter.ts";
import { callWithinContext } from "./context.ts";
import { type ContextMemory, createContextMemory, type ModelFacts } from "./context-call.ts";
import { joinToolMessages } from "./history.ts";
import type { CheckOutput } from "./output-check.ts";
import type { RunEvent, RunResult } from "./run-event.ts";
import { mayRunTools, runTools, type StepCalls } from "./run-tools.ts";
import { isOpenCall, Step, type StepResult } from "./step.ts";

/** A run as the service asks for it: the model and the options of each call come from the plan's target. */
export interface RunInput {
  readonly request: Omit<ChatRequest, "model" | "options" | "tools">;
  /** True when only the whole answer is wanted: providers that offer it are asked without streaming. */
  readonly whole: boolean;
  /** The most model calls. */
  readonly maxSteps: number;
  /** The caller's; that of the target when it says nothing. */
  readonly contextPolicy?: ContextPolicy;
  readonly facts: ModelFacts;
  readonly checkOutput?: CheckOutput;
  /** Opened when the run begins, and let go of when it ends. */
  readonly openPlan: (signal: AbortSignal) => Promise<Plan<"chat">>;
  readonly openTools: (signal: AbortSignal) => Promise<ToolSet>;
}

/**
 * Runs the model, and the tools that this server runs, until it has answered, waits for a tool of the caller, or has been
 * called `maxSteps` times. Each model call is routed anew; no tool is run twice. Errors are thrown; the last event is
 * `finished`.
 */
export function runAgent(input: RunInput, signal: AbortSignal): Batched<RunEvent> {
  return batched(runSteps(input, signal));
}

async function* runSteps(input: RunInput, signal: AbortSignal): AsyncGenerator<readonly RunEvent[], void, undefined> {
  using plan = await input.openPlan(signal);
  const openTools = () => input.openTools(signal);
  using tools = await (plan.observation ? plan.observation.within(openTools) : openTools());
  const run = new Run(input, tools);
  for (;;) {
    const reader = run.nextStep();
    for await (const events of stepEvents(run, plan, signal)) {
      const told = reader.read(events);
      if (told.length > 0) yield told;
    }
    const step = reader.result();
    const results = yield* runTools(toolCalls(step, run, plan), signal);
    run.add(step, results);
    if (run.isOver(step)) break;
  }
  yield [{ type: "finished", result: run.result() }];
}

/** One model call, with fallback; a step of the run for who looks at it from outside. */
function stepEvents(
  run: Run,
  plan: Plan<"chat">,
  signal: AbortSignal,
): AsyncIterable<readonly FallbackEvent<"chat", ChatEvent>[]> {
  const observation = plan.observation?.step(run.steps.length, () => run.request());
  const observed = observation ? { ...plan, observation } : plan;
  const events = inBatches(withFallback(observed, modelCall(run), signal));
  return observation ? disposing(observation, events) : events;
}

async function* disposing<T>(resource: Disposable, items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  using _ = resource;
  yield* items;
}

/** What of a step this server answers. */
function toolCalls(step: StepResult, { input, tools }: Run, { observation }: Plan<"chat">): StepCalls {
  const calls = step.parts.filter(isOpenCall).filter(({ executor }) => executor === "server");
  return { calls, tools, toolChoice: input.request.toolChoice, finishReason: step.finishReason, observation };
}

/** One model call, for the fallback. */
function modelCall(run: Run): AttemptCall<"chat", ChatEvent> {
  return {
    role,
    isLast: ({ type }) => type === "finished",
    open: (target, signal) => openChat(run, target, signal),
    meter: () => createChatMeter(() => run.request()),
  };
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
  readonly tools: ToolSet;
  readonly #asked: readonly Message[];
  readonly #added: Message[] = [];

  constructor(input: RunInput, tools: ToolSet) {
    this.input = input;
    this.tools = tools;
    this.#asked = joinToolMessages(input.request.messages);
    this.callIds = new Set(this.#asked.flatMap(({ parts }) => parts.flatMap(callId)));
  }

  /** What reads the next model call. */
  nextStep(): Step {
    return new Step({
      step: this.steps.length,
      firstIndex: this.steps.at(-1)?.nextIndex ?? 0,
      hideReasoning: this.input.request.generation.reasoning?.hidden ?? false,
      warnings: this.steps.length === 0 ? this.tools.warnings : [],
      runs: this.tools.runs,
      callIds: this.callIds,
    });
  }

  add(step: StepResult, results: readonly ToolResultPart[]): void {
    this.steps.push(step);
    if (step.parts.length > 0) this.#added.push({ role: "assistant", parts: step.parts });
    if (results.length > 0) this.#added.push({ role: "tool", parts: results });
  }

  /** For the next model call. That a tool must be used is met by the first; else the model could never answer. */
  request(): Omit<ChatRequest, "model" | "options"> {
    const { request } = this.input;
    const { toolChoice } = request;
    return {
      ...request,
      messages: [...this.#asked, ...this.#added],
      tools: this.tools.modelTools,
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
