import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RunStreamRequestSchema } from "../../../gen/livellm/v1/agent_service_pb.ts";
import { type At, checked, type invalid, list, object, oneOf, type Reader, report, required, text } from "../schema.ts";
import type { ChatProvider, ChatSettings } from "./settings.ts";

/** One message as this system's clients write it. */
export interface ChatMessage {
  readonly role: "user" | "assistant" | "system";
  readonly content: string;
}

/** Reads a request's body, within the limits that are set. Throws at the use of it what `readAs` does. */
export function chatBody(settings: ChatSettings): Reader<{ readonly messages: readonly ChatMessage[] }> {
  const message = object({
    role: required(oneOf(["user", "assistant", "system"], "literal_error")),
    content: required(contentWithin(settings)),
  });
  const { maxMessages } = settings;
  const messages = checked(list(message), ({ length }) =>
    length > maxMessages ? `Conversation exceeds maximum of ${maxMessages} messages` : undefined,
  );
  return object({ messages: required(notEmpty(messages)) });
}

function contentWithin({ minMessageLength: least, maxMessageLength: most }: ChatSettings): Reader<string> {
  const filled = checked(text, (value) => (value.trim() === "" ? "Message content cannot be empty" : undefined));
  return (value, at) => {
    const length = typeof value === "string" ? [...value].length : 0;
    if (typeof value === "string" && length > most) return wrongLength(value, at, { most });
    if (typeof value === "string" && value.trim() !== "" && length < least) return wrongLength(value, at, { least });
    return filled(value, at);
  };
}

function wrongLength(
  input: string,
  at: At,
  { least = 0, most = 0 }: { least?: number; most?: number },
): typeof invalid {
  const words = (length: number) => `${length} character${length === 1 ? "" : "s"}`;
  return most > 0
    ? report(at, {
        type: "string_too_long",
        msg: `String should have at most ${words(most)}`,
        input,
        ctx: { max_length: most },
      })
    : report(at, {
        type: "string_too_short",
        msg: `String should have at least ${words(least)}`,
        input,
        ctx: { min_length: least },
      });
}

function notEmpty<T>(read: Reader<readonly T[]>): Reader<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > 0) return read(value, at);
    const msg = "List should have at least 1 item after validation, not 0";
    return report(at, {
      type: "too_short",
      msg,
      input: value,
      ctx: { field_type: "List", min_length: 1, actual_length: 0 },
    });
  };
}

/**
 * The run for a conversation: the default model, and the fallback model behind it as long as nothing has been said. The system
 * prompt is the conversation's own, else the one that is set for the provider.
 */
export function runFor(
  provider: ChatProvider,
  messages: readonly ChatMessage[],
): MessageInitShape<typeof RunStreamRequestSchema> {
  const { provider: id, defaultModel, fallbackModel, temperature, maxTokens, systemPrompt } = provider;
  const models = [...new Set([defaultModel, fallbackModel])].filter((model) => model !== "");
  return {
    route: { targets: models.map((model) => ({ provider: id, model })) },
    messages: merged(messages.filter(({ role }) => role !== "system")),
    config: {
      instructions: systemPromptIn(messages) || systemPrompt,
      generation: { temperature, maxOutputTokens: Math.max(1, maxTokens) },
    },
  };
}

/** System messages with something in them besides dots. */
function systemPromptIn(messages: readonly ChatMessage[]): string {
  const prompts = messages.flatMap(({ role, content }) =>
    role === "system" && /[^\s.]/.test(content) ? [content] : [],
  );
  return prompts.join(" ");
}

/** Messages of one writer that follow each other are one with several parts. */
function merged(messages: readonly ChatMessage[]) {
  const turns: { role: string; parts: { content: { case: "text"; value: string } }[] }[] = [];
  for (const { role, content } of messages) {
    const part = { content: { case: "text" as const, value: content } };
    const last = turns.at(-1);
    if (last?.role === role) last.parts.push(part);
    else turns.push({ role, parts: [part] });
  }
  return turns;
}
