import type {
  AgentConfig,
  GenerationConfig as ProtoGenerationConfig,
  OutputFormat as ProtoOutputFormat,
} from "../../gen/livellm/v1/agent_pb.ts";
import { ReasoningConfig_Effort as Effort } from "../../gen/livellm/v1/agent_pb.ts";
import type { RunRequest, RunStreamRequest } from "../../gen/livellm/v1/agent_service_pb.ts";
import { Modality as ProtoModality } from "../../gen/livellm/v1/common_pb.ts";
import {
  ToolChoice_Mode as ChoiceMode,
  WebSearch_ContextSize as ContextSize,
  type Tool as ProtoTool,
} from "../../gen/livellm/v1/tool_pb.ts";
import type { ChatRequest, GenerationConfig, Modality, OutputFormat, ReasoningConfig } from "../core/chat.ts";
import { invalidRequest, LivellmError } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { ModelTool, ToolChoice } from "../core/tools.ts";
import { checkConversation } from "./conversation-checks.ts";
import { messageFromProto } from "./messages.ts";

/** The contract's request in core terms, without what the route decides. Throws with every violation at once. */
export function chatRequestFromProto(request: RunRequest | RunStreamRequest): Omit<ChatRequest, "model" | "options"> {
  const violations = checkConversation(request);
  if (violations.length > 0) throw invalidRequest(violations);
  const config = request.config;
  refuseWhatComesLater(config);
  return {
    instructions: config?.instructions ?? "",
    messages: request.messages.map(messageFromProto),
    tools: (config?.tools ?? []).map(toolFromProto),
    toolChoice: toolChoiceFromProto(config),
    parallelToolCalls: config?.parallelToolCalls,
    generation: generationFromProto(config?.generation),
    outputFormat: outputFormatFromProto(config?.outputFormat),
    requestId: request.caller?.requestId ?? "",
    userId: request.caller?.userId ?? "",
  };
}

function refuseWhatComesLater(config: AgentConfig | undefined): void {
  if ((config?.contextPolicy?.strategy ?? 0) > 1) throw later("context policies other than STRATEGY_DISABLED");
}

function later(what: string): LivellmError {
  return new LivellmError("unimplemented", "unsupported", `${what} are not served yet`);
}

function toolFromProto({ kind }: ProtoTool): ModelTool {
  switch (kind.case) {
    case "function":
      return {
        type: "function",
        name: kind.value.name,
        ...(kind.value.description && { description: kind.value.description }),
        ...schemaText(kind.value.inputSchemaJson, kind.value.inputSchema as JsonObject | undefined, "inputSchemaJson"),
        strict: kind.value.strict,
      };
    case "webSearch":
      return {
        type: "web-search",
        contextSize: contextSizes.get(kind.value.contextSize),
        allowedDomains: kind.value.allowedDomains,
        blockedDomains: kind.value.blockedDomains,
        maxUses: kind.value.maxUses,
        regionCode: kind.value.regionCode || undefined,
        city: kind.value.city || undefined,
        timeZone: kind.value.timeZone || undefined,
      };
    case "codeExecution":
      return { type: "code-execution" };
    case "providerTool":
      return { type: "provider-tool", providerType: kind.value.type, config: (kind.value.config ?? {}) as JsonObject };
    case "mcpServer":
      throw later("MCP servers");
    case undefined:
      throw new LivellmError("invalid_argument", "invalid_request", "a tool says nothing of its kind");
    default:
      return kind satisfies never;
  }
}

const contextSizes = new Map<ContextSize, "low" | "medium" | "high">([
  [ContextSize.LOW, "low"],
  [ContextSize.MEDIUM, "medium"],
  [ContextSize.HIGH, "high"],
]);

/** The schema as text; a Struct has lost its key order, but not its meaning. */
function schemaText<K extends string>(
  text: string,
  struct: JsonObject | undefined,
  key: K,
): Partial<Record<K, string>> {
  if (text === "" && !struct) return {};
  return { [key]: text || JSON.stringify(struct) } as Record<K, string>;
}

function toolChoiceFromProto(config: AgentConfig | undefined): ToolChoice | undefined {
  const choice = config?.toolChoice;
  return choice && { mode: choiceModes.get(choice.mode) ?? "auto", toolNames: choice.toolNames };
}

const choiceModes = new Map<ChoiceMode, ToolChoice["mode"]>([
  [ChoiceMode.DISABLED, "disabled"],
  [ChoiceMode.REQUIRED, "required"],
]);

function generationFromProto(generation: ProtoGenerationConfig | undefined): GenerationConfig {
  if (!generation) return { stopSequences: [], outputModalities: [] };
  const { reasoning, outputModalities, $typeName, $unknown, ...options } = generation;
  return {
    ...options,
    ...(reasoning && {
      reasoning: {
        effort: efforts.get(reasoning.effort),
        budgetTokens: reasoning.budgetTokens,
        hidden: reasoning.hidden,
      },
    }),
    outputModalities: outputModalities.flatMap((modality) => modalities.get(modality) ?? []),
  };
}

const efforts = new Map<Effort, NonNullable<ReasoningConfig["effort"]>>([
  [Effort.DISABLED, "disabled"],
  [Effort.MINIMAL, "minimal"],
  [Effort.LOW, "low"],
  [Effort.MEDIUM, "medium"],
  [Effort.HIGH, "high"],
  [Effort.MAX, "max"],
]);

const modalities = new Map<ProtoModality, Modality>([
  [ProtoModality.TEXT, "text"],
  [ProtoModality.IMAGE, "image"],
  [ProtoModality.AUDIO, "audio"],
  [ProtoModality.VIDEO, "video"],
  [ProtoModality.DOCUMENT, "document"],
]);

function outputFormatFromProto(output: ProtoOutputFormat | undefined): OutputFormat | undefined {
  const format = output?.format;
  if (format?.case === "jsonObject") return { type: "json-object" };
  if (format?.case !== "jsonSchema") return undefined;
  const { name, description, schema, schemaJson, strict } = format.value;
  return {
    type: "json-schema",
    name: name || "output",
    ...(description && { description }),
    schemaJson: schemaJson || JSON.stringify(schema ?? {}),
    strict,
  };
}
