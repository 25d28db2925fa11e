import type { ChatCompletion, ChatCompletionChunk, ChatCompletionMessage } from "openai/resources/chat/completions";
import type { Citation } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ServerSentEvent } from "../../core/upstream.ts";
import type { AnswerContext } from "./answer-context.ts";
import { unreadableAnswer } from "./broken-stream.ts";
import { errorOf } from "./error.ts";
import { object, objects, strings, text, type Unchecked } from "./json-fields.ts";

/** One chunk of an answer, or a whole unary one, checked; what is not there is empty. */
export interface Chunk {
  readonly model: string;
  readonly error: JsonObject | undefined;
  readonly usage: JsonObject | undefined;
  readonly finishReason: string;
  readonly content: string;
  readonly refusal: string;
  readonly reasoning: string;
  readonly reasoningDetails: readonly JsonObject[];
  readonly toolCalls: readonly ToolCallPiece[];
  readonly citations: readonly Citation[];
  readonly imageUrls: readonly string[];
  readonly audio: { readonly data: string; readonly transcript: string } | undefined;
  readonly hasChoice: boolean;
  readonly metadata: JsonObject;
}

/** A piece of a tool call; a custom tool's input is in `arguments`. */
export interface ToolCallPiece {
  readonly index?: number;
  readonly id: string;
  readonly custom: boolean;
  readonly name: string;
  readonly arguments: string;
  /** What a vendor adds for itself and wants back: Google's proof of the thoughts behind a call. */
  readonly extra?: JsonObject;
}

/** What vendors add to OpenAI's own fields. */
interface VendorChunk extends ChatCompletionChunk {
  error: unknown;
  /** xAI, Perplexity: addresses of sources. */
  citations: unknown;
  /** Groq. */
  x_groq: unknown;
  /** OpenRouter: who answered. */
  provider: unknown;
}

type VendorDelta = ChatCompletionChunk.Choice.Delta &
  ChatCompletionMessage & {
    reasoning_details: unknown;
    images: unknown;
  };

type VendorChoice = ChatCompletionChunk.Choice & ChatCompletion.Choice;

/** Parses the data of one event. Throws `bad_provider_response` when it is no JSON object. */
export function parseEvent(event: ServerSentEvent, context: AnswerContext): Chunk {
  const value = parseJson(event.data);
  return event.event === "error" ? { ...toChunk({}, context), error: errorOf(value) } : toChunk(value, context);
}

/** Parses the data of an event that has to be a JSON object. */
export function parseJson(data: string): JsonObject {
  try {
    const value: unknown = JSON.parse(data);
    if (isJsonObject(value)) return value;
  } catch (cause) {
    throw unreadableAnswer("an event that is not JSON", cause);
  }
  throw unreadableAnswer("an event that is not a JSON object");
}

/**
 * Reads a chunk, or a unary answer: what is `delta` in the one is `message` in the other. Nearly every chunk is a piece of
 * text: what else there could be costs it no list of its own, and all chunks have one shape. That halved its time.
 */
export function toChunk(value: JsonObject, context: AnswerContext): Chunk {
  const chunk = value as Unchecked<VendorChunk>;
  const choice = firstChoice(chunk.choices);
  const delta = object(choice?.delta ?? choice?.message) as Unchecked<VendorDelta>;
  const groq = object(chunk.x_groq);
  const error = chunk.error ?? groq.error ?? (value.object === "error" ? value : undefined);
  return {
    model: text(chunk.model),
    error: error ? errorOf(error) : undefined,
    usage: objectOrNone(chunk.usage ?? groq.usage),
    finishReason: text(choice?.finish_reason),
    content: contentOf(delta.content, "text"),
    refusal: text(delta.refusal),
    reasoning: reasoningOf(delta, context),
    reasoningDetails: context.reasoning?.details ? objects(delta.reasoning_details) : none,
    toolCalls: delta.tool_calls ? toolCallsOf(delta.tool_calls, choice?.message !== undefined) : none,
    citations: delta.annotations || chunk.citations ? citationsOf(delta.annotations, chunk.citations) : none,
    imageUrls: delta.images ? objects(delta.images).map((image) => text(object(image.image_url).url)) : none,
    audio: isJsonObject(delta.audio) ? audioOf(delta.audio) : undefined,
    hasChoice: choice !== undefined,
    metadata: choice?.finish_reason ? metadataOf(value) : nothing,
  };
}

const none: readonly never[] = [];

/** Only the first choice: one answer is what was asked for. */
function firstChoice(choices: unknown): Unchecked<VendorChoice> | undefined {
  return Array.isArray(choices) ? choices.find(isFirst) : undefined;
}

function isFirst(choice: unknown): boolean {
  return isJsonObject(choice) && (choice.index ?? 0) === 0;
}

function objectOrNone(value: unknown): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}

function reasoningOf(delta: Unchecked<VendorDelta>, { reasoning }: AnswerContext): string {
  const fields = delta as JsonObject;
  const field = reasoning?.answerFields.find((name) => typeof fields[name] === "string" && fields[name] !== "");
  return field ? text(fields[field]) : contentOf(delta.content, "thinking");
}

/** Content is a string, or with Mistral a list of `text` and `thinking`, which holds a list again. */
function contentOf(content: unknown, type: "text" | "thinking"): string {
  if (typeof content === "string") return type === "text" ? content : "";
  if (!content) return "";
  return objects(content)
    .filter((piece) => piece.type === type)
    .map((piece) => (type === "text" ? text(piece.text) : contentOf(piece.thinking, "text")))
    .join("");
}

/** In a whole answer their positions tell them apart. */
function toolCallsOf(calls: unknown, whole: boolean): readonly ToolCallPiece[] {
  return objects(calls).map((call, position) => ({ ...toToolCallPiece(call), ...(whole && { index: position }) }));
}

function toToolCallPiece(call: JsonObject): ToolCallPiece {
  const custom = call.type === "custom" || isJsonObject(call.custom);
  const called = object(custom ? call.custom : call.function);
  const written = custom ? called.input : called.arguments;
  return {
    ...(typeof call.index === "number" && { index: call.index }),
    ...(isJsonObject(call.extra_content) && { extra: call.extra_content }),
    id: text(call.id),
    custom,
    name: text(called.name),
    // Some servers give the object itself.
    arguments: isJsonObject(written) ? JSON.stringify(written) : text(written),
  };
}

function citationsOf(annotations: unknown, addresses: unknown): readonly Citation[] {
  return [...objects(annotations).flatMap(toCitation), ...strings(addresses).map(toSource)];
}

function toCitation(annotation: JsonObject): Citation[] {
  const cited = object(annotation.url_citation);
  if (typeof cited.url !== "string") return [];
  return [
    {
      uri: cited.url,
      title: text(cited.title),
      quote: text(cited.content),
      ...(typeof cited.start_index === "number" && { startIndex: cited.start_index }),
      ...(typeof cited.end_index === "number" && { endIndex: cited.end_index }),
    },
  ];
}

function toSource(uri: string): Citation {
  return { uri, title: "", quote: "" };
}

function audioOf({ data, transcript }: JsonObject): Chunk["audio"] {
  return { data: text(data), transcript: text(transcript) };
}

const nothing: JsonObject = {};
const metadataFields = [
  "id",
  "system_fingerprint",
  "service_tier",
  "provider",
] as const satisfies (keyof VendorChunk)[];

function metadataOf(value: JsonObject): JsonObject {
  const said = metadataFields.filter((name) => typeof value[name] === "string" && value[name] !== "");
  return Object.fromEntries(said.map((name) => [name, text(value[name])]));
}
