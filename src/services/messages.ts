import type { MessageInitShape, JsonObject as ProtoJsonObject } from "@bufbuild/protobuf";
import {
  type MediaSchema,
  type MessageSchema,
  type PartSchema,
  ToolCall_Executor as ProtoExecutor,
  type Media as ProtoMedia,
  type Message as ProtoMessage,
  type Part as ProtoPart,
  type ToolResult as ProtoToolResult,
  type ToolCallSchema,
  type ToolResultSchema,
} from "../../gen/livellm/v1/message_pb.ts";
import type {
  Citation,
  Executor,
  Media,
  Message,
  Part,
  PartHead,
  Role,
  ToolCallPart,
  ToolResultPart,
} from "../core/chat.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { readDataUri } from "./data-uri.ts";

/**
 * The caller's conversation, checked before. `text` is short for a single text part. Results of tools are in messages of
 * the role tool, and carry the tool's name, wherever the caller put them and whether he said it or not.
 */
export function messagesFromProto(messages: readonly ProtoMessage[]): readonly Message[] {
  const names = new Map(messages.flatMap(({ parts }) => parts.flatMap(nameOfCall)));
  return messages.flatMap((message) => messageFromProto(message, names));
}

/** `user` when the caller says nothing; a message of results alone is `tool`. */
export function roleOf({ role, parts }: ProtoMessage): Role {
  const onlyResults = parts.length > 0 && parts.every(({ content }) => content.case === "toolResult");
  return onlyResults && (role === "" || role === "user") ? "tool" : ((role || "user") as Role);
}

function nameOfCall({ content }: ProtoPart): [string, string][] {
  return content.case === "toolCall" ? [[content.value.id, content.value.name]] : [];
}

type ToolNames = ReadonlyMap<string, string>;

/** Two when a user's message holds results beside what the user says. */
function messageFromProto(message: ProtoMessage, names: ToolNames): readonly Message[] {
  const role = roleOf(message);
  const all = message.parts.map((part) => partFromProto(part, names));
  const parts: readonly Part[] = all.length > 0 ? all : [{ type: "text", text: message.text }];
  const results = role === "user" ? parts.filter(({ type }) => type === "tool-result") : [];
  const rest = results.length > 0 ? parts.filter(({ type }) => type !== "tool-result") : parts;
  return [
    ...(results.length > 0 ? [{ role: "tool" as const, parts: results }] : []),
    { role, parts: rest, ...(message.name && { name: message.name }) },
  ];
}

function partFromProto(part: ProtoPart, names: ToolNames): Part {
  const extras = {
    ...(part.citations.length > 0 && { citations: part.citations.map(({ $typeName, $unknown, ...rest }) => rest) }),
    ...(part.providerState && {
      providerState: { providerKind: part.providerState.providerKind, data: part.providerState.data },
    }),
  };
  const { content } = part;
  switch (content.case) {
    case "text":
      return { type: "text", text: content.value, ...extras };
    case "media":
      return { type: "media", media: mediaFromProto(content.value), ...extras };
    case "reasoning":
      return { type: "reasoning", text: content.value.text, redacted: content.value.redacted, ...extras };
    case "toolCall":
      return {
        type: "tool-call",
        id: content.value.id,
        name: content.value.name,
        argumentsJson: content.value.argumentsJson || JSON.stringify(content.value.arguments ?? {}),
        executor: executors.get(content.value.executor) ?? "client",
        ...extras,
      };
    case "toolResult":
      return { ...toolResultFromProto(content.value, names), ...extras };
    case undefined:
      return { type: "text", text: "", ...extras };
    default:
      return content satisfies never;
  }
}

/** `names`: of the calls so far, by their ids. */
export function toolResultFromProto(result: ProtoToolResult, names: ToolNames): ToolResultPart {
  return {
    type: "tool-result",
    toolCallId: result.toolCallId,
    name: result.name || names.get(result.toolCallId) || "",
    text: result.text,
    ...(result.structured && { structured: result.structured as JsonObject }),
    media: result.media.map(mediaFromProto),
    failed: result.failed,
  };
}

/** A `data:` URI becomes bytes here, so that adapters see bytes or addresses only. */
export function mediaFromProto(media: ProtoMedia): Media {
  const named = media.filename ? { filename: media.filename } : {};
  if (media.source.case === "data") return { data: media.source.value, mimeType: media.mimeType, ...named };
  const uri = media.source.value ?? "";
  const inline = readDataUri(uri);
  if (inline) return { data: inline.data, mimeType: media.mimeType || inline.mimeType, ...named };
  return { uri, mimeType: media.mimeType, ...named };
}

const executors = new Map<ProtoExecutor, Executor>([
  [ProtoExecutor.SERVER, "server"],
  [ProtoExecutor.PROVIDER, "provider"],
]);

const executorNumbers = {
  client: ProtoExecutor.CLIENT,
  server: ProtoExecutor.SERVER,
  provider: ProtoExecutor.PROVIDER,
} as const satisfies Record<Executor, ProtoExecutor>;

export function messageToProto(message: Message): MessageInitShape<typeof MessageSchema> {
  return { role: message.role, parts: message.parts.map(partToProto), name: message.name ?? "" };
}

export function partToProto(part: Part): MessageInitShape<typeof PartSchema> {
  return {
    content: contentToProto(part),
    citations: (part.citations ?? []).map((citation: Citation) => ({ ...citation })),
    ...(part.providerState && { providerState: { ...part.providerState } as { providerKind: string; data: Bytes } }),
  };
}

type Bytes = Uint8Array<ArrayBuffer>;

function contentToProto(part: Part): MessageInitShape<typeof PartSchema>["content"] {
  switch (part.type) {
    case "text":
      return { case: "text", value: part.text };
    case "media":
      return { case: "media", value: mediaToProto(part.media) };
    case "reasoning":
      return { case: "reasoning", value: { text: part.text, redacted: part.redacted ?? false } };
    case "tool-call":
      return { case: "toolCall", value: toolCallToProto(part) };
    case "tool-result":
      return { case: "toolResult", value: toolResultToProto(part) };
    default:
      return part satisfies never;
  }
}

/** `arguments` is set when the model wrote a valid JSON object; `arguments_json` always. */
export function toolCallToProto(call: ToolCallPart): MessageInitShape<typeof ToolCallSchema> {
  const parsed = parseObject(call.argumentsJson);
  return {
    id: call.id,
    name: call.name,
    ...(parsed && { arguments: parsed as ProtoJsonObject }),
    argumentsJson: call.argumentsJson,
    executor: executorNumbers[call.executor],
  };
}

export function toolResultToProto(result: ToolResultPart): MessageInitShape<typeof ToolResultSchema> {
  return {
    toolCallId: result.toolCallId,
    name: result.name,
    text: result.text,
    ...(result.structured && { structured: result.structured as ProtoJsonObject }),
    media: result.media.map(mediaToProto),
    failed: result.failed,
  };
}

/** The part as far as it is known when it begins. */
export function partHeadToProto(head: PartHead): MessageInitShape<typeof PartSchema> {
  switch (head.type) {
    case "text":
      return { content: { case: "text", value: "" } };
    case "reasoning":
      return { content: { case: "reasoning", value: {} } };
    case "tool-call":
      return {
        content: {
          case: "toolCall",
          value: { id: head.id, name: head.name, executor: executorNumbers[head.executor] },
        },
      };
    default:
      return head satisfies never;
  }
}

function mediaToProto(media: Media): MessageInitShape<typeof MediaSchema> {
  return {
    source: media.data ? { case: "data", value: media.data as Bytes } : { case: "uri", value: media.uri ?? "" },
    mimeType: media.mimeType,
    filename: media.filename ?? "",
  };
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined; // the model wrote no JSON; the caller has arguments_json
  }
}
