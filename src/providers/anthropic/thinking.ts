import type { ThinkingConfigParam } from "@anthropic-ai/sdk/resources/messages";
import type { ReasoningConfig } from "../../core/chat.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import type { ModelFamily, WireEffort } from "./model-families.ts";

/** What of a call decides whether, and how much, the model may think. */
export interface ThinkingCall {
  readonly reasoning: ReasoningConfig | undefined;
  readonly family: ModelFamily;
  readonly maxTokens: number;
  /** Why thinking has to be off, where it can be turned off; empty when it does not. */
  readonly hindrance: string;
}

export interface ThinkingFields {
  readonly thinking?: ThinkingConfigParam;
  readonly effort?: WireEffort;
}

const field = "config.generation.reasoning";

/**
 * Thinking and effort as the model's family takes them, the nearest to what was asked. A model that thinks anyway is asked
 * for a summary of it, because the newer ones show nothing by themselves.
 */
export function toThinking(call: ThinkingCall, notes: Notes): ThinkingFields {
  const { reasoning, family, hindrance } = call;
  const { effort, budgetTokens, hidden = false } = reasoning ?? {};
  const wanted = budgetTokens === undefined ? effort !== undefined && effort !== "disabled" : budgetTokens > 0;
  const unwanted = !wanted && (effort === "disabled" || budgetTokens === 0);
  if (hindrance !== "" && canStopThinking(family)) {
    if (wanted) notes.clamped(field, `no thinking, because ${hindrance}`);
    return { ...withoutThinking(family, notes), ...quietEffort(call, notes) };
  }
  if (unwanted) return withoutThinking(family, notes);
  if (wanted) return withThinking(call, notes);
  return family.thinksByDefault ? { thinking: adaptive(hidden) } : {};
}

function canStopThinking({ thinksByDefault, thinking }: ModelFamily): boolean {
  return !thinksByDefault || thinking.some((mode) => mode === "disabled" || mode === "between_tools");
}

function withoutThinking({ thinksByDefault, thinking }: ModelFamily, notes: Notes): ThinkingFields {
  if (!thinksByDefault) return {};
  if (thinking.includes("disabled")) return { thinking: { type: "disabled" } };
  if (thinking.includes("between_tools")) return { thinking: { type: "between_tools" } };
  notes.clamped(field, "this model always thinks, and does it with the least effort");
  return { thinking: { type: "adaptive" }, effort: "low" };
}

/** Effort says how much is written, too; without thinking the levels above `high` are refused. */
function quietEffort({ reasoning, family }: ThinkingCall, notes: Notes): ThinkingFields {
  const effort = nearestEffort(reasoning?.effort, family);
  if (effort !== "xhigh" && effort !== "max") return effort ? { effort } : {};
  notes.clamped(`${field}.effort`, "without thinking, high is the most");
  return { effort: "high" };
}

function withThinking(call: ThinkingCall, notes: Notes): ThinkingFields {
  const { reasoning, family } = call;
  const { effort, budgetTokens, hidden = false } = reasoning ?? {};
  const wishes = budgetTokens !== undefined && family.thinking.includes("enabled");
  if (family.thinking.includes("adaptive") && !wishes) {
    if (budgetTokens !== undefined) notes.clamped(`${field}.budgetTokens`, "effort, and no budget");
    const level = effort === undefined || effort === "disabled" ? effortFor(budgetTokens ?? 0) : effort;
    return { thinking: adaptive(hidden), ...effortField(level, family, notes) };
  }
  if (family.thinking.includes("enabled")) {
    return { ...budgeted(call, notes), ...(family.efforts.length > 0 && effortField(effort, family, notes)) };
  }
  notes.ignored(field);
  return {};
}

function adaptive(hidden: boolean): ThinkingConfigParam {
  return { type: "adaptive", display: hidden ? "omitted" : "summarized" };
}

type Effort = NonNullable<ReasoningConfig["effort"]>;

/** The effort that is nearest to a budget, for models that take none. */
function effortFor(budgetTokens: number): Effort {
  if (budgetTokens <= 2_048) return "low";
  return budgetTokens <= 8_192 ? "medium" : "high";
}

function effortField(effort: Effort | undefined, family: ModelFamily, notes: Notes): ThinkingFields {
  const level = nearestEffort(effort, family);
  if (effort === "max" && level !== "max") notes.clamped(`${field}.effort`, `${level} is the most`);
  return level ? { effort: level } : {};
}

function nearestEffort(effort: Effort | undefined, { efforts }: ModelFamily): WireEffort | undefined {
  if (effort === undefined || effort === "disabled") return undefined;
  const level = effort === "minimal" ? "low" : effort;
  return efforts.includes(level) ? level : efforts.at(-1);
}

/** The API's least, and what the efforts come to with models that think within a budget. */
const leastBudget = 1_024;
const budgets = { minimal: leastBudget, low: 2_048, medium: 8_192, high: 16_384, max: 31_999 } as const;

/** A budget has to leave room for an answer: `budget_tokens` below `max_tokens`. */
function budgeted({ reasoning, maxTokens }: ThinkingCall, notes: Notes): ThinkingFields {
  const { effort, budgetTokens, hidden = false } = reasoning ?? {};
  const wanted = budgetTokens ?? (effort && effort !== "disabled" ? budgets[effort] : leastBudget);
  const budget = Math.min(Math.max(wanted, leastBudget), maxTokens - 1);
  if (budget < leastBudget) {
    notes.clamped(field, `no thinking, because ${maxTokens} output tokens leave no room for it`);
    return {};
  }
  if (budgetTokens !== undefined && budget !== budgetTokens) notes.clamped(`${field}.budgetTokens`, `${budget} tokens`);
  return { thinking: { type: "enabled", budget_tokens: budget, ...(hidden && { display: "omitted" }) } };
}
