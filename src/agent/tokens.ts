import type { ChatRequest, Message, Part } from "../core/chat.ts";
import type { ModelTool } from "../core/tools.ts";
import { type CountText, estimateTokens } from "./token-estimate.ts";
import { tokensOfMedia } from "./token-media.ts";

/** How the tokens of a model are counted: with its vendor's own tokenizer, or by an estimate from the scripts in a text. */
export type TokenizerName = "o200k" | "estimate";

/** What counts as sent beside the conversation. */
export type CountedRequest = Pick<ChatRequest, "instructions" | "messages" | "tools" | "outputFormat">;

/** Counts what a request takes of a model's context. Messages are counted once, however often they are asked about. */
export interface TokenCounter {
  readonly text: CountText;
  message(message: Message): number;
  /** Instructions, tools and output format: what goes with every message. */
  overhead(request: CountedRequest): number;
  request(request: CountedRequest): number;
}

/** What vendors put around a message, a call and a tool, rounded up. */
const perMessage = 4;
const perCall = 8;
const perTool = 12;

export function createTokenCounter(text: CountText): TokenCounter {
  const known = new WeakMap<Message, number>();
  const message = (one: Message): number => {
    const tokens = known.get(one) ?? tokensOfMessage(one, text);
    known.set(one, tokens);
    return tokens;
  };
  const overhead = (request: CountedRequest): number =>
    text(request.instructions) +
    perMessage +
    sum(request.tools, (tool) => tokensOfTool(tool, text)) +
    format(request, text);
  return {
    text,
    message,
    overhead,
    request: (request) => overhead(request) + sum(request.messages, message),
  };
}

/**
 * The tokens of everything that a request sends. `tokenizer` is a fact about the model; `estimate` fits every other.
 */
export async function countTokens(request: CountedRequest, tokenizer: TokenizerName): Promise<number> {
  return createTokenCounter(await loadTokenizer(tokenizer)).request(request);
}

/** A number that the tokens of a request cannot exceed, without a tokenizer: none makes more tokens than there are bytes. */
export function mostTokens(request: CountedRequest): number {
  return createTokenCounter(Buffer.byteLength).request(request);
}

/** Longer words than this take a tokenizer time that grows with their square; so do texts that are not of any language. */
const longWord = /\p{L}{200,}|[^\s\p{L}\p{N}]{200,}|\s{200,}/gu;
const maxTokenizedCharacters = 1024 * 1024;

/** Loaded when it is needed first: it takes 100 ms and 50 MB. */
export async function loadTokenizer(name: TokenizerName): Promise<CountText> {
  if (name === "estimate") return estimateTokens;
  const { countTokens: count } = await import("gpt-tokenizer/encoding/o200k_base");
  const plain = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
  return (text) => {
    if (text.length > maxTokenizedCharacters) return estimateTokens(text);
    const long = text.match(longWord) ?? [];
    return sum(text.split(longWord), (rest) => count(rest, plain)) + sum(long, estimateTokens);
  };
}

function tokensOfMessage({ name, parts }: Message, text: CountText): number {
  return perMessage + text(name ?? "") + sum(parts, (part) => tokensOfPart(part, text));
}

function tokensOfPart(part: Part, text: CountText): number {
  const state = Math.ceil((part.providerState?.data.length ?? 0) / 4);
  switch (part.type) {
    case "text":
    case "reasoning":
      return state + text(part.text);
    case "media":
      return state + tokensOfMedia(part.media, text);
    case "tool-call":
      return state + perCall + text(part.name) + text(part.argumentsJson);
    case "tool-result": {
      const said = part.text || (part.structured ? JSON.stringify(part.structured) : "");
      return state + perCall + text(said) + sum(part.media, (media) => tokensOfMedia(media, text));
    }
    default:
      return part satisfies never;
  }
}

function tokensOfTool(tool: ModelTool, text: CountText): number {
  if (tool.type === "function") {
    return perTool + text(tool.name) + text(tool.description ?? "") + text(tool.inputSchemaJson ?? "");
  }
  return perTool + (tool.type === "provider-tool" ? text(JSON.stringify(tool.config)) : 0);
}

function format({ outputFormat }: CountedRequest, text: CountText): number {
  return outputFormat?.type === "json-schema" ? perTool + text(outputFormat.schemaJson) : 0;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
