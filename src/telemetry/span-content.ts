import type { Attributes } from "@opentelemetry/api";
import type { Message, Part } from "../core/chat.ts";
import { attribute } from "./attributes.ts";
import type { AskedModel } from "./observation.ts";

/** What a model is asked, in the form of the semantic conventions for generative AI. */
export function inputContent({ instructions, messages }: AskedModel): Attributes {
  const text = (value: unknown) => withoutSecrets(JSON.stringify(value));
  return {
    ...(instructions && {
      [attribute.systemInstructions]: text([{ type: "text", content: instructions }]),
    }),
    [attribute.inputMessages]: text(messages.map(messageContent)),
  };
}

function messageContent({ role, parts, name }: Message) {
  return { role, ...(name && { name }), parts: parts.map(contentOf) };
}

/** A part of a message; of media nothing but what it is. */
export function contentOf(part: Part): object {
  switch (part.type) {
    case "text":
    case "reasoning":
      return { type: part.type, content: part.text };
    case "media":
      return { type: "blob", mime_type: part.media.mimeType };
    case "tool-call":
      return { type: "tool_call", id: part.id, name: part.name, arguments: part.argumentsJson };
    case "tool-result":
      return { type: "tool_call_response", id: part.toolCallId, response: part.text };
    default:
      return part satisfies never;
  }
}

/**
 * What looks like a key, a token or a password, in what people and tools say. Runs of spaces are bounded: looking back over all
 * of them at every place would take time by the square of their number, which a caller could make minutes.
 */
const secrets = [
  // OpenAI, Anthropic, Groq, ElevenLabs, this server's own, GitHub, Slack, Google, AWS, JSON Web Tokens.
  /\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}/g,
  /\bgsk_[A-Za-z0-9]{16,}/g,
  /\bllm_[A-Za-z0-9]{16,}/g,
  /\bgh[a-z]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}/g,
  /\bxox[a-z]-[A-Za-z0-9-]{10,}/g,
  /\bAIza[A-Za-z0-9_-]{30,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /(?<=\b(?:Bearer|Basic)\s{1,8})[A-Za-z0-9._~+/=-]{8,}/gi,
  /(?<=\b(?:api[-_ ]?key|password|passwd|secret|access[-_ ]?token)\\?["']?\s{0,8}[:=]\s{0,8}\\?["']?)[^\s"'\\,;}]{4,}/gi,
  /(?<=:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g,
];

/** Content without what looks like a secret. Nobody can promise that all are found. */
export function withoutSecrets(text: string): string {
  return secrets.reduce((left, pattern) => left.replaceAll(pattern, "[redacted]"), text);
}
