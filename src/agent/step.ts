import type { ChatEvent, FinishReason, Part, PartHead, ToolCallPart } from "../core/chat.ts";
import type { JsonObject } from "../core/json.ts";
import { randomId } from "../core/random-id.ts";
import type { Attempt, RouteResult, Warning } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import type { FallbackEvent } from "../routing/fallback-event.ts";
import type { ReadyTarget } from "../routing/plan.ts";
import { routeResultOf } from "../routing/route-result.ts";
import { PartAssembler } from "./parts.ts";
import type { RunEvent } from "./run-event.ts";

/** What a step has to know of its run. */
export interface StepOptions {
  /** Its position in the run, from 0. */
  readonly step: number;
  /** The index of its first part among all parts of the run. */
  readonly firstIndex: number;
  readonly hideReasoning: boolean;
  /** What the run itself has to warn of; told with the first step. */
  readonly warnings: readonly Warning[];
  /** Whether this server runs the tool of that name. */
  readonly runs: (name: string) => boolean;
  /** The ids of all calls of the conversation; the step adds its own. */
  readonly callIds: Set<string>;
}

/** What a model call has come to. */
export interface StepResult {
  readonly parts: readonly Part[];
  readonly nextIndex: number;
  readonly finishReason: FinishReason;
  readonly providerFinishReason: string;
  readonly usage: Usage;
  readonly routeResult: RouteResult;
  readonly warnings: readonly Warning[];
  readonly metadata?: JsonObject;
}

type Finished = Extract<ChatEvent, { type: "finished" }>;

/** One model call being read: what it says becomes the run's events, and in the end its result. */
export class Step {
  readonly #options: StepOptions;
  #told: RunEvent[] = [];
  readonly #parts: PartAssembler;
  readonly #warnings: Warning[];
  #target: ReadyTarget<"chat"> | undefined;
  #attempts: readonly Attempt[] = [];
  #begun = false;
  #model: string | undefined;
  #providerRequestId: string | undefined;
  #finished: Finished | undefined;

  constructor(options: StepOptions) {
    this.#options = options;
    this.#warnings = [...options.warnings];
    this.#parts = new PartAssembler(options.firstIndex, options.hideReasoning, (event) => {
      this.#begin();
      this.#told.push(event);
    });
  }

  /** Reads what has come together; returns what there is to tell of it. */
  read(events: readonly FallbackEvent<"chat", ChatEvent>[]): readonly RunEvent[] {
    this.#told = [];
    for (const event of events) this.#readEvent(event);
    return this.#told;
  }

  result(): StepResult {
    return {
      parts: this.#parts.parts,
      nextIndex: this.#parts.nextIndex,
      finishReason: this.#finishReason(),
      providerFinishReason: this.#finished?.providerFinishReason ?? "",
      usage: this.#usage(),
      routeResult: this.#routeResult(),
      warnings: this.#warnings,
      ...(this.#finished?.metadata && { metadata: this.#finished.metadata }),
    };
  }

  #readEvent(event: FallbackEvent<"chat", ChatEvent>): void {
    switch (event.type) {
      case "output":
      case "progress":
        this.#readChat(event.output);
        break;
      case "attempt-failed":
        this.#told.push(event);
        break;
      case "committed":
        this.#target = event.target;
        this.#attempts = event.attempts;
        break;
      default:
        event satisfies never;
    }
  }

  #readChat(event: ChatEvent): void {
    switch (event.type) {
      case "response":
        this.#model = event.model ?? this.#model;
        this.#providerRequestId = event.requestId ?? this.#providerRequestId;
        this.#warnings.push(...(event.warnings ?? []));
        break;
      case "part-started":
        this.#parts.start(event.key, this.#ours(event.part));
        break;
      case "delta":
        this.#parts.delta(event.key, event.text);
        break;
      case "part-finished":
        this.#parts.finish(event);
        break;
      case "part":
        this.#parts.whole(this.#ours(event.part));
        break;
      case "progress":
        this.#told.push({ type: "heartbeat", note: event.note });
        break;
      case "finished":
        this.#finish(event);
        break;
      default:
        event satisfies never;
    }
  }

  /** An adapter knows functions; which of them this server runs, and which ids were used before, the run knows. */
  #ours<P extends Part | PartHead>(part: P): P {
    if (part.type !== "tool-call" || part.executor === "provider") return part;
    const { runs, callIds } = this.#options;
    const executor = runs(part.name) ? "server" : part.executor;
    // Some servers count their calls from 0 in every answer; a history needs ids that differ.
    const id = callIds.has(part.id) ? randomId("call") : part.id;
    callIds.add(id);
    return { ...part, id, executor };
  }

  #finish(event: Finished): void {
    this.#finished = event;
    this.#warnings.push(...(event.warnings ?? []));
    this.#begin();
    this.#parts.finishAll();
    const { step } = this.#options;
    this.#told.push({ type: "step-finished", step, finishReason: this.#finishReason(), usage: this.#usage() });
  }

  /** `started` and `step_started` come with the first output, when everything they tell is known. */
  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const routeResult = this.#routeResult();
    const { step } = this.#options;
    if (step === 0) this.#told.push({ type: "started", routeResult, warnings: [...this.#warnings] });
    this.#told.push({ type: "step-started", step, routeResult });
  }

  /** Some vendors say `stop` after a tool call. */
  #finishReason(): FinishReason {
    const reason = this.#finished?.finishReason ?? "other";
    return reason === "stop" && this.#parts.parts.some(isOpenCall) ? "tool_calls" : reason;
  }

  #usage(): Usage {
    return { modelCalls: 1, ...this.#finished?.usage };
  }

  #routeResult(): RouteResult {
    const told = { model: this.#model, requestId: this.#providerRequestId };
    return routeResultOf(this.#target, this.#attempts, told);
  }
}

/** A call that somebody other than the provider has to run. */
export function isOpenCall(part: Part): part is ToolCallPart {
  return part.type === "tool-call" && part.executor !== "provider";
}
