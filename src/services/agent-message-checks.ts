import type { Media, Message, Part, ToolCall, ToolResult } from "../../gen/livellm/v1/message_pb.ts";
import { ToolCall_Executor as Executor } from "../../gen/livellm/v1/message_pb.ts";
import type { Violation, ViolationReason } from "../core/error.ts";
import { isJsonObject } from "../core/json.ts";
import { readDataUri } from "./data-uri.ts";
import { roleOf } from "./messages.ts";

/**
 * Whether a conversation is one that every vendor can take: directly after each call of a tool its result, once; system messages
 * may stand anywhere else, and adapters put them where their vendor wants them. Files over `maxMediaBytes` are refused, however they are written.
 */
export function checkMessages(messages: readonly Message[], maxMediaBytes: number): Violation[] {
  const reader = new ConversationReader(maxMediaBytes);
  const found = messages.flatMap((message, i) => reader.read(message, `messages[${i}]`));
  return [...found, ...reader.end()];
}

function violation(field: string, reason: ViolationReason, description: string): Violation {
  return { field, reason, description };
}

type Content = Part["content"];

class ConversationReader {
  readonly #maxMediaBytes: number;
  /** Every call so far. */
  readonly #calls = new Map<string, ToolCall>();
  readonly #answered = new Set<string>();
  /** Calls that wait for their results, and where they are. */
  #open = new Map<string, string>();
  #spoken = false;

  constructor(maxMediaBytes: number) {
    this.#maxMediaBytes = maxMediaBytes;
  }

  read(message: Message, path: string): Violation[] {
    const role = roleOf(message);
    if (role !== "system") this.#spoken = true;
    const parts = message.parts.map(({ content }, j) => ({ content, path: `${path}.parts[${j}]` }));
    const results = parts.some(({ content }) => content.case === "toolResult");
    return [
      ...(role === "tool" || (role === "user" && results) ? [] : this.#unanswered()),
      ...(isEmpty(message) ? [violation(`${path}.parts`, "REQUIRED", "the message is empty")] : []),
      ...parts.flatMap((part) => this.#readPart(part.content, role, part.path)),
      ...(role === "user" ? this.#unanswered() : []),
    ];
  }

  end(): Violation[] {
    const silent = violation("messages", "REQUIRED", "there is nothing to answer: no message is the user's");
    return [...this.#unanswered(), ...(this.#spoken ? [] : [silent])];
  }

  #unanswered(): Violation[] {
    const open = [...this.#open];
    this.#open = new Map();
    return open.map(([id, path]) => {
      const description = `the call ${short(id)} has no result: a message of the role tool with it comes directly after`;
      return violation(path, "REQUIRED", description);
    });
  }

  #readPart(content: Content, role: string, path: string): Violation[] {
    if (role === "tool" && content.case !== "toolResult") {
      return [violation(path, "UNSUPPORTED", "a message of the role tool holds tool results only")];
    }
    if (role === "system" && content.case !== "text") {
      return [violation(path, "UNSUPPORTED", "a message of the role system holds text only")];
    }
    switch (content.case) {
      case "toolCall":
        return this.#readCall(content.value, role, path);
      case "toolResult":
        return this.#readResult(content.value, role, path);
      case "media":
        return this.#checkMedia(content.value, `${path}.media`);
      default:
        return [];
    }
  }

  #readCall(call: ToolCall, role: string, path: string): Violation[] {
    if (role !== "assistant") {
      return [violation(path, "UNSUPPORTED", "only a message of the role assistant holds tool calls")];
    }
    const violations = checkArguments(call.argumentsJson, `${path}.toolCall.argumentsJson`);
    if (call.id === "") return violations; // a rule of its own
    const twice = this.#calls.has(call.id);
    this.#calls.set(call.id, call);
    if (call.executor !== Executor.PROVIDER) this.#open.set(call.id, `${path}.toolCall`);
    const description = `there is a call ${short(call.id)} before it; each has an id of its own`;
    return twice ? [violation(`${path}.toolCall.id`, "CONFLICT", description), ...violations] : violations;
  }

  #readResult({ toolCallId: id, media }: ToolResult, role: string, path: string): Violation[] {
    const at = `${path}.toolResult.toolCallId`;
    const known = this.#calls.get(id);
    const files = media.flatMap((file, i) => this.#checkMedia(file, `${path}.toolResult.media[${i}]`));
    if (id === "") return files; // a rule of its own
    if (!known) return [violation(at, "UNKNOWN", unknownCall(id, [...this.#calls.keys()])), ...files];
    if (role === "assistant" && known.executor !== Executor.PROVIDER) {
      return [
        violation(path, "UNSUPPORTED", "the result of this tool belongs in a message of the role tool"),
        ...files,
      ];
    }
    const twice = this.#answered.has(id);
    this.#answered.add(id);
    this.#open.delete(id);
    return [...(twice ? [violation(at, "CONFLICT", `there is a result of ${short(id)} before it`)] : []), ...files];
  }

  #checkMedia(media: Media, path: string): Violation[] {
    if (media.source.case === "data") {
      if (media.source.value.length === 0) return [violation(`${path}.data`, "REQUIRED", "the file is empty")];
      if (media.mimeType !== "") return [];
      return [violation(`${path}.mimeType`, "REQUIRED", "say what the bytes are, such as image/png")];
    }
    try {
      const bytes = readDataUri(media.source.value ?? "")?.data.length ?? 0;
      if (bytes <= this.#maxMediaBytes) return [];
      const description = `is ${bytes} bytes long; ${this.#maxMediaBytes} are allowed`;
      return [violation(`${path}.uri`, "TOO_LONG", description)];
    } catch (error) {
      return [violation(`${path}.uri`, "PATTERN", error instanceof Error ? error.message : "unreadable")];
    }
  }
}

/** A message that has neither parts nor text breaks a rule of its own. */
function isEmpty({ parts }: Message): boolean {
  return (
    parts.length > 0 &&
    parts.every(({ content, providerState }) => content.case === "text" && content.value === "" && !providerState)
  );
}

function unknownCall(id: string, calls: readonly string[]): string {
  const known = calls.slice(-5).map(short).join(", ") || "none";
  return `no tool call before it has the id ${short(id)}; the ids of the calls before it: ${known}`;
}

function short(id: string): string {
  return id.slice(0, 64);
}

function checkArguments(text: string, path: string): Violation[] {
  if (text === "" || isJsonObject(parsed(text))) return [];
  return [violation(path, "PATTERN", 'the arguments are a JSON object as text, such as {"city":"Bern"}')];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // which is no JSON object either
  }
}
