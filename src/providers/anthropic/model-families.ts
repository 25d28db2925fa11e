import type { OutputConfig, ThinkingConfigParam, ToolUnion } from "@anthropic-ai/sdk/resources/messages";

export type ThinkingMode = ThinkingConfigParam["type"];
export type WireEffort = NonNullable<OutputConfig["effort"]>;

/** How a family of models differs from the newest. What a model does not take, the API answers with 400. */
export interface ModelFamily {
  readonly pattern: RegExp;
  /** `max_tokens` when the caller sets none: the API has no default of its own. */
  readonly defaultMaxTokens: number;
  /** The forms of `thinking` that are taken; none: the model cannot think. */
  readonly thinking: readonly ThinkingMode[];
  /** Whether it thinks when `thinking` is left out. */
  readonly thinksByDefault: boolean;
  /** The values of `output_config.effort`, the least first; empty: there is no such option. */
  readonly efforts: readonly WireEffort[];
  /** temperature, top_p and top_k. */
  readonly sampling: boolean;
  /** `output_config.format`, and `strict` tools. */
  readonly structuredOutput: boolean;
  /** `tool_choice` of type `any` or `tool`. */
  readonly forcedTools: boolean;
  /** Messages of role `system` within the conversation. */
  readonly systemMessages: boolean;
  /** A last message of the assistant's, to be continued. */
  readonly prefill: boolean;
  readonly webSearch: Extract<ToolUnion["type"], `web_search_${string}`>;
  readonly codeExecution: Extract<ToolUnion["type"], `code_execution_${string}`>;
}

const allEfforts = ["low", "medium", "high", "xhigh", "max"] as const;

/** What the models since 5 have in common. */
const newest: Omit<ModelFamily, "pattern"> = {
  defaultMaxTokens: 64_000,
  thinking: ["adaptive", "disabled"],
  thinksByDefault: true,
  efforts: allEfforts,
  sampling: false,
  structuredOutput: true,
  forcedTools: true,
  systemMessages: true,
  prefill: false,
  webSearch: "web_search_20260209",
  codeExecution: "code_execution_20260521",
};

/** Models before 4.6: they think within a budget. */
const budgeted: Omit<ModelFamily, "pattern"> = {
  defaultMaxTokens: 32_000,
  thinking: ["enabled", "disabled"],
  thinksByDefault: false,
  efforts: [],
  sampling: true,
  structuredOutput: true,
  forcedTools: true,
  systemMessages: false,
  prefill: true,
  webSearch: "web_search_20250305",
  codeExecution: "code_execution_20250825",
};

/**
 * The first that fits counts. Sources: platform.claude.com, "Thinking support by model", "Effort", "Structured outputs",
 * "Mid-conversation system messages", "Migration guide" and "Models overview", November 2026.
 */
const families: readonly ModelFamily[] = [
  { ...newest, pattern: /(fable|mythos)-5[-.]\d(?!\d)/, thinking: ["adaptive"], forcedTools: false },
  { ...newest, pattern: /(fable|mythos)-5/, thinking: ["adaptive"] },
  { ...newest, pattern: /mythos-preview/, thinking: ["adaptive"], systemMessages: false },
  { ...newest, pattern: /opus-5[-.]5/, thinking: ["adaptive"], forcedTools: false },
  { ...newest, pattern: /sonnet-5[-.]5/, thinking: ["adaptive", "between_tools"], forcedTools: false },
  { ...newest, pattern: /(haiku-5[-.]5|opus-5)(?!\d)/ },
  { ...newest, pattern: /sonnet-5/, systemMessages: false },
  { ...newest, pattern: /opus-4[-.]8/, thinksByDefault: false },
  { ...newest, pattern: /opus-4[-.]7/, thinksByDefault: false, systemMessages: false },
  {
    ...newest,
    pattern: /(opus|sonnet)-4[-.]6/,
    thinking: ["adaptive", "enabled", "disabled"],
    thinksByDefault: false,
    efforts: ["low", "medium", "high", "max"],
    sampling: true,
    systemMessages: false,
  },
  { ...budgeted, pattern: /opus-4[-.]5/, efforts: ["low", "medium", "high"] },
  { ...budgeted, pattern: /(sonnet|haiku)-4[-.]5/ },
  { ...budgeted, pattern: /(opus|sonnet)-4|3[-.]7-sonnet/, structuredOutput: false },
  { ...budgeted, pattern: /claude-3[-.]5/, structuredOutput: false, thinking: [], defaultMaxTokens: 8_192 },
  { ...budgeted, pattern: /claude-3/, structuredOutput: false, thinking: [], defaultMaxTokens: 4_096 },
];

/** A model that is not in the table: the newest, and nothing is asked of it that the caller did not ask for. */
const unknown: ModelFamily = {
  ...newest,
  pattern: /(?:)/,
  defaultMaxTokens: 8_192,
  thinksByDefault: false,
  systemMessages: false,
  prefill: true,
};

/** A model of somebody else's, behind a server that speaks this API: what is asked of it goes out. */
const foreign: ModelFamily = { ...unknown, sampling: true };

/** The family of a model, by its id, whatever a platform puts before or after it. */
export function familyOf(model: string): ModelFamily {
  const family = families.find(({ pattern }) => pattern.test(model));
  return family ?? (/claude/i.test(model) ? unknown : foreign);
}
