import type { OutputFormat } from "../../gen/livellm/v1/agent_pb.ts";
import type { RunRequest, RunStreamRequest } from "../../gen/livellm/v1/agent_service_pb.ts";
import type { Media, Message, Part } from "../../gen/livellm/v1/message_pb.ts";
import type { Tool } from "../../gen/livellm/v1/tool_pb.ts";
import type { Violation, ViolationReason } from "../core/error.ts";
import { isJsonObject } from "../core/json.ts";
import { readDataUri } from "./data-uri.ts";

/** What no single field's rule can say: how the parts of a conversation and its tools fit together. */
export function checkConversation(request: RunRequest | RunStreamRequest): Violation[] {
  const tools = request.config?.tools ?? [];
  return [
    ...checkMessages(request.messages),
    ...checkTools(tools),
    ...checkToolChoice(request.config?.toolChoice?.toolNames ?? [], tools),
    ...checkOutputFormat(request.config?.outputFormat),
  ];
}

function violation(field: string, reason: ViolationReason, description: string): Violation {
  return { field, reason, description };
}

function checkMessages(messages: readonly Message[]): Violation[] {
  const calls = new Set<string>();
  return messages.flatMap((message, i) =>
    message.parts.flatMap((part, j) => checkPart(part, message, `messages[${i}].parts[${j}]`, calls)),
  );
}

function checkPart({ content }: Part, message: Message, path: string, calls: Set<string>): Violation[] {
  if (message.role === "tool" && content.case !== "toolResult") {
    return [violation(path, "UNSUPPORTED", "a message of the role tool holds tool results only")];
  }
  switch (content.case) {
    case "toolCall":
      if (message.role !== "assistant") {
        return [violation(path, "UNSUPPORTED", "only a message of the role assistant holds tool calls")];
      }
      calls.add(content.value.id);
      return checkArguments(content.value.argumentsJson, `${path}.toolCall.argumentsJson`);
    case "toolResult":
      return [
        ...checkResult(content.value.toolCallId, path, calls),
        ...content.value.media.flatMap((media, i) => checkMedia(media, `${path}.toolResult.media[${i}]`)),
      ];
    case "media":
      return checkMedia(content.value, `${path}.media`);
    default:
      return [];
  }
}

function checkResult(id: string, path: string, calls: ReadonlySet<string>): Violation[] {
  if (id === "" || calls.has(id)) return [];
  const known = [...calls].slice(-5).join(", ") || "none";
  const description = `no tool call before it has the id ${id.slice(0, 64)}; the ids of the calls before it: ${known}`;
  return [violation(`${path}.toolResult.toolCallId`, "UNKNOWN", description)];
}

function checkArguments(text: string, path: string): Violation[] {
  if (text === "" || isJsonObject(parsed(text))) return [];
  return [violation(path, "PATTERN", 'the arguments are a JSON object as text, such as {"city":"Bern"}')];
}

function checkMedia(media: Media, path: string): Violation[] {
  if (media.source.case === "data") {
    if (media.source.value.length === 0) return [violation(`${path}.data`, "REQUIRED", "the file is empty")];
    if (media.mimeType !== "") return [];
    return [violation(`${path}.mimeType`, "REQUIRED", "say what the bytes are, such as image/png")];
  }
  try {
    readDataUri(media.source.value ?? "");
    return [];
  } catch (error) {
    return [violation(`${path}.uri`, "PATTERN", error instanceof Error ? error.message : "unreadable")];
  }
}

function checkTools(tools: readonly Tool[]): Violation[] {
  const names = new Set<string>();
  return tools.flatMap(({ kind }, i) => {
    if (kind.case !== "function") return [];
    const path = `config.tools[${i}].function`;
    const twice = names.has(kind.value.name)
      ? [
          violation(
            `${path}.name`,
            "CONFLICT",
            `there is a tool ${kind.value.name} before it; tools need names of their own`,
          ),
        ]
      : [];
    names.add(kind.value.name);
    const schema = kind.value.inputSchemaJson ? checkSchema(kind.value.inputSchemaJson, `${path}.inputSchemaJson`) : [];
    return [...twice, ...schema];
  });
}

function checkToolChoice(wanted: readonly string[], tools: readonly Tool[]): Violation[] {
  if (tools.some(({ kind }) => kind.case === "mcpServer")) return []; // their tools are known in the run only
  const names = tools.flatMap(({ kind }) => (kind.case === "function" ? kind.value.name : []));
  return wanted.flatMap((name, i) => {
    if (names.includes(name)) return [];
    const description = `there is no tool ${name}; the tools are: ${names.join(", ") || "none"}`;
    return [violation(`config.toolChoice.toolNames[${i}]`, "UNKNOWN", description)];
  });
}

function checkOutputFormat(output: OutputFormat | undefined): Violation[] {
  const format = output?.format;
  if (format?.case !== "jsonSchema" || !format.value.schemaJson) return [];
  return checkSchema(format.value.schemaJson, "config.outputFormat.jsonSchema.schemaJson");
}

function checkSchema(text: string, path: string): Violation[] {
  if (isJsonObject(parsed(text))) return [];
  return [violation(path, "PATTERN", 'a JSON Schema is a JSON object as text, such as {"type":"object"}')];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
