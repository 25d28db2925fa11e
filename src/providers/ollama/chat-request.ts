import type { ChatRequest, GenerationConfig, Modality, OutputFormat } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Warning } from "../../core/route.ts";
import { type RawJson, rawJson } from "../openai-compatible/json-text.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";
import { toWireMessages, type WireMessage } from "./chat-messages.ts";
import { toTools } from "./chat-tools.ts";
import { placeOptions } from "./target-options.ts";

/** The body of `POST /api/chat`; `writeJson` makes it text. */
export interface OllamaBody {
  readonly model: string;
  readonly messages: readonly WireMessage[];
  readonly [option: string]: unknown;
}

/** A call ready to be sent, and what was done differently from what was asked. */
export interface OllamaCall {
  readonly body: OllamaBody;
  readonly warnings: readonly Warning[];
}

/** What the server sets itself. */
const reserved = ["model", "messages", "stream", "tools"];

/**
 * A request as Ollama's own API takes it. Throws `failed_precondition` for content that it cannot take, and
 * `invalid_argument` for options that are ours, or that it would ignore without a word.
 */
export function toOllamaRequest(request: ChatRequest): OllamaCall {
  refuseReservedOptions(request.options, reserved);
  const { model, generation, outputFormat } = request;
  refuseModalities(generation.outputModalities);
  const notes = newNotes();
  const body = {
    model,
    messages: toWireMessages(request, notes),
    ...toTools(request, notes),
    ...toFormat(outputFormat),
    ...toThink(generation, notes),
    ...toOptions(generation),
  };
  return { body: mergeOptions(body, placeOptions(request.options)), warnings: notes.warnings };
}

/** The same call of a model that turns out not to think. */
export function withoutThinking({ body: { think: _, ...body }, warnings }: OllamaCall): OllamaCall {
  const notes = newNotes();
  notes.ignored("config.generation.reasoning.effort");
  return { body: body as OllamaBody, warnings: [...warnings, ...notes.warnings] };
}

function refuseModalities(wanted: readonly Modality[]): void {
  const other = wanted.findIndex((modality) => modality !== "text");
  if (other >= 0) throw unsupported(`config.generation.outputModalities[${other}]`, "this provider answers with text");
}

/** Ollama holds every model to a schema by itself, so there is nothing to be strict about. */
function toFormat(format: OutputFormat | undefined): { readonly format?: "json" | RawJson } {
  if (!format) return {};
  if (format.type === "json-object") return { format: "json" };
  return { format: rawJson(format.schemaJson, "config.outputFormat.jsonSchema.schemaJson") };
}

/** Levels are read by the models that have them; to the others every level says "think". */
const levels = {
  disabled: false,
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  max: "high",
} as const;

function toThink({ reasoning }: GenerationConfig, notes: Notes): { readonly think?: boolean | string } {
  if (reasoning?.budgetTokens !== undefined) notes.ignored("config.generation.reasoning.budgetTokens");
  return reasoning?.effort ? { think: levels[reasoning.effort] } : {};
}

function toOptions(generation: GenerationConfig): { readonly options?: JsonObject } {
  const { temperature, topP, topK, maxOutputTokens, seed, stopSequences, presencePenalty, frequencyPenalty } =
    generation;
  const options = {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(topK !== undefined && { top_k: topK }),
    ...(maxOutputTokens !== undefined && { num_predict: maxOutputTokens }),
    ...(seed !== undefined && { seed }),
    ...(stopSequences.length > 0 && { stop: stopSequences }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
  };
  return Object.keys(options).length > 0 ? { options } : {};
}
