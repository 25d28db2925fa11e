import type { ChatRequest, GenerationConfig, Modality, ReasoningConfig } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";

/** A generation option that is a plain value on the wire. */
export type Parameter = keyof Omit<GenerationConfig, "reasoning" | "outputModalities" | "stopSequences">;

type Effort = NonNullable<ReasoningConfig["effort"]>;

/** Which ids of tool calls a vendor accepts; others are rewritten, the same one always to the same. */
export interface ToolCallIds {
  readonly pattern: RegExp;
  readonly length: number;
}

/**
 * How one vendor's chat completions differ from the others'. Everything that shared code has to know of a vendor is a
 * property here; what is absent the vendor does not have.
 */
export interface Dialect {
  /** The value of `settings.dialect`. */
  readonly name: string;
  /** Hosts that mean this dialect when the settings name none; a leading dot stands for any subdomain. */
  readonly hosts: readonly string[];
  readonly authentication: "bearer" | "api-key";
  /** Azure: the model is a deployment in the path, with an `api-version`, unless the base URL ends in `/v1`. */
  readonly deployments?: { readonly apiVersion: string };
  /** The header that takes our request id. */
  readonly requestIdHeader?: string;
  /** What the vendor calls each option. */
  readonly parameters: Readonly<Partial<Record<Parameter, string>>>;
  /** Where the scale ends before 2. */
  readonly maxTemperature?: number;
  /** 0: there are none. */
  readonly maxStopSequences: number;
  /** The same dialect for one call, where a vendor's models differ in what they refuse, or refuse things together. */
  readonly ofModel?: (dialect: Dialect, request: ChatRequest) => Dialect;
  /** Whether usage has to be asked for, with `stream_options`; others refuse the field, or report it anyway. */
  readonly asksForUsage: boolean;
  readonly reasoning: ReasoningDialect;
  readonly systemRole: "system" | "developer";
  /** Whether messages may carry a `name`. */
  readonly messageNames: boolean;
  /** Whether the assistant has to speak after the results of tools, before the user does. */
  readonly answersTools?: boolean;
  readonly content: ContentDialect;
  readonly output: {
    readonly jsonSchema: boolean;
    readonly jsonObject: boolean;
    /** Whether a form of the answer and tools exclude each other. */
    readonly excludesTools?: boolean;
    readonly modalities: readonly Modality[];
  };
  readonly tools: ToolDialect;
  /** The field for the end user's id. */
  readonly userParameter?: string;
  /** xAI counts reasoning beside `completion_tokens`, not in it: docs.x.ai, "Consumption and rate limits". */
  readonly reasoningOutsideCompletion?: boolean;
}

export interface ReasoningDialect {
  /** What each effort adds to the body; an effort that is absent is dropped with a warning. */
  readonly efforts: Readonly<Partial<Record<Effort, JsonObject>>>;
  /** Whether a model thinks whatever is asked: `disabled` then stands for the least there is. */
  readonly alwaysThinks?: boolean;
  /** What tells a model not to think that may not, whatever is asked, and why. */
  readonly resting?: { readonly fields: JsonObject; readonly why: string };
  /** Where a budget in tokens goes: the path in the body. */
  readonly budget?: readonly [string, string];
  /** What asks for an answer without reasoning; without it, our reader leaves it out. */
  readonly hidden?: JsonObject;
  /** Names of the reasoning text in answers; the first that is there counts, since some servers send it twice. */
  readonly answerFields: readonly string[];
  /** The name under which reasoning text goes back in the history. */
  readonly historyField?: string;
  /** OpenRouter: `reasoning_details` have to come back unchanged. */
  readonly details?: boolean;
}

export interface ContentDialect {
  readonly images: boolean;
  /** Formats of `input_audio`. */
  readonly audioFormats: readonly string[];
  /** How documents go out: OpenAI's `file`, or Mistral's `document_url`. */
  readonly files?: "file" | "document_url";
  /** Whether documents may be web addresses. */
  readonly fileAddresses?: boolean;
  readonly video?: boolean;
}

interface ToolDialect {
  readonly strict: boolean;
  readonly parallelOption: boolean;
  /** `tool_choice: {type: "allowed_tools"}`; without it the tools that are not allowed are left out. */
  readonly allowedTools?: boolean;
  readonly ids: ToolCallIds;
  /** The vendor's own web search, and its sandbox, as entries of `tools`. */
  readonly webSearch?: JsonObject;
  readonly codeExecution?: JsonObject;
}
