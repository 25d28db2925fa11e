import type { AgentConfig } from "../../gen/livellm/v1/agent_pb.ts";
import {
  ToolChoice_Mode as ChoiceMode,
  WebSearch_ContextSize as ContextSize,
  type McpServer as ProtoMcpServer,
  type Tool as ProtoTool,
} from "../../gen/livellm/v1/tool_pb.ts";
import { LivellmError } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { ToolChoice } from "../core/tools.ts";
import { millisecondsFromProto, secretsFromProto } from "../messages/route.ts";
import type { McpServer, ToolSource } from "../tools/tool-source.ts";

/** A tool, or a server with tools, of the caller; checked before. */
export function toolFromProto({ kind }: ProtoTool): ToolSource {
  switch (kind.case) {
    case "function":
      return {
        type: "function",
        name: kind.value.name,
        ...(kind.value.description && { description: kind.value.description }),
        ...schemaText(kind.value.inputSchemaJson, kind.value.inputSchema as JsonObject | undefined),
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
      return serverFromProto(kind.value);
    case undefined:
      throw new LivellmError("invalid_argument", "invalid_request", "a tool says nothing of its kind");
    default:
      return kind satisfies never;
  }
}

/** The contract's default. */
const serverTimeoutMs = 30_000;

function serverFromProto(server: ProtoMcpServer): McpServer {
  return {
    type: "mcp-server",
    url: server.url,
    headers: secretsFromProto(server.headers),
    prefix: server.prefix,
    timeoutMs: millisecondsFromProto(server.timeout) ?? serverTimeoutMs,
    allowedTools: server.allowedTools,
  };
}

const contextSizes = new Map<ContextSize, "low" | "medium" | "high">([
  [ContextSize.LOW, "low"],
  [ContextSize.MEDIUM, "medium"],
  [ContextSize.HIGH, "high"],
]);

/** The schema as text; a Struct has lost its key order, but not its meaning. */
function schemaText(text: string, struct: JsonObject | undefined): { inputSchemaJson?: string } {
  if (text === "" && !struct) return {};
  return { inputSchemaJson: text || JSON.stringify(struct) };
}

export function toolChoiceFromProto(config: AgentConfig | undefined): ToolChoice | undefined {
  const choice = config?.toolChoice;
  return choice && { mode: choiceModes.get(choice.mode) ?? "auto", toolNames: choice.toolNames };
}

const choiceModes = new Map<ChoiceMode, ToolChoice["mode"]>([
  [ChoiceMode.DISABLED, "disabled"],
  [ChoiceMode.REQUIRED, "required"],
]);
