import type { ResponseCreateParams } from "openai/resources/responses/responses";
import type { ChatRequest, GenerationConfig, OutputFormat } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Warning } from "../../core/route.ts";
import { leastThought } from "../openai-compatible/chat-request.ts";
import { jsonSentence, lacksJsonWord } from "../openai-compatible/json-word.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import {
  alwaysThinks,
  nearestEffort,
  type OpenAIModel,
  openaiModel,
  takesSampling,
} from "../openai-compatible/openai-models.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { toWireSchema } from "../openai-compatible/output-format.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";
import { withDrawing } from "./images-in-chat.ts";
import { type InputItem, toInput } from "./responses-input.ts";
import { toIncludes, toToolFields } from "./responses-tools.ts";

/** The body of a call of the Responses API; `writeJson` makes it text. */
export interface ResponsesBody {
  readonly model: string;
  readonly input: readonly InputItem[];
  readonly [option: string]: unknown;
}

export interface ResponsesCall {
  readonly body: ResponsesBody;
  readonly warnings: readonly Warning[];
}

/** What the server sets itself. */
const reserved = ["model", "input", "instructions", "stream", "store", "include", "tools", "tool_choice"];

/**
 * A request for the Responses API, without any state kept at OpenAI's: reasoning comes back encrypted, and goes back with
 * the history. Throws `failed_precondition` for content that the API does not take.
 */
export function toResponsesRequest(asked: ChatRequest, kind = "openai"): ResponsesCall {
  const request = withDrawing(asked);
  refuseReservedOptions(request.options, reserved);
  const { model, instructions, messages, generation, outputFormat, userId } = request;
  const notes = newNotes();
  const known = openaiModel(model);
  const sampling = takesSampling(known, generation.reasoning, request.options);
  checkModalities(generation);
  const body = {
    model,
    ...(instructions && { instructions }),
    input: [...jsonWord(request), ...toInput(messages, kind, notes)],
    store: false,
    include: [...(known.reasons ? ["reasoning.encrypted_content"] : []), ...toIncludes(request.tools)],
    ...toParameters(generation, notes),
    ...toSampling(generation, sampling, notes),
    ...toReasoning(generation, known, notes),
    ...toToolFields(request, notes),
    ...(outputFormat && { text: { format: toFormat(outputFormat) } }),
    ...(userId && { safety_identifier: userId }),
  };
  return { body: mergeOptions(body, request.options), warnings: notes.warnings };
}

/** The API looks for the word among the messages: "Response input messages must contain the word 'json' in some form". */
function jsonWord({ outputFormat, messages }: ChatRequest): readonly InputItem[] {
  if (!lacksJsonWord(outputFormat, "", messages)) return [];
  return [{ type: "message", role: "developer", content: [{ type: "input_text", text: jsonSentence }] }];
}

const missing = ["topK", "seed", "presencePenalty", "frequencyPenalty"] as const;

function toParameters(generation: GenerationConfig, notes: Notes): Pick<ResponseCreateParams, "max_output_tokens"> {
  const { maxOutputTokens, stopSequences } = generation;
  for (const name of missing) if (generation[name] !== undefined) notes.ignored(`config.generation.${name}`);
  if (stopSequences.length > 0) notes.ignored("config.generation.stopSequences");
  if (maxOutputTokens === undefined) return {};
  if (maxOutputTokens < fewestTokens)
    notes.clamped("config.generation.maxOutputTokens", `${fewestTokens} is the least`);
  return { max_output_tokens: Math.max(maxOutputTokens, fewestTokens) };
}

/** "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16". */
const fewestTokens = 16;

/** `taken`: whether this call may have them. Most of the models that reason refuse them. */
function toSampling({ temperature, topP }: GenerationConfig, taken: boolean, notes: Notes): JsonObject {
  if (!taken && temperature !== undefined) notes.ignored("config.generation.temperature");
  if (!taken && topP !== undefined) notes.ignored("config.generation.topP");
  if (!taken) return {};
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { top_p: topP }) };
}

type WireReasoning = NonNullable<ResponseCreateParams["reasoning"]>;

/** A summary is asked for unless it is to be hidden; a model that cannot reason refuses the whole field. */
function toReasoning(
  { reasoning }: GenerationConfig,
  model: OpenAIModel,
  notes: Notes,
): { readonly reasoning?: WireReasoning } {
  const { effort, budgetTokens, hidden = false } = reasoning ?? {};
  if (budgetTokens !== undefined) notes.ignored("config.generation.reasoning.budgetTokens");
  if (effort && effort !== "disabled" && !model.reasons) notes.ignored("config.generation.reasoning.effort");
  if (!model.reasons) return {};
  if (effort === "disabled" && alwaysThinks(model)) notes.clamped("config.generation.reasoning.effort", leastThought);
  const word = effort && nearestEffort(effort, model);
  const wanted = { ...(word && { effort: word }), ...(!hidden && { summary: "auto" as const }) };
  return Object.keys(wanted).length > 0 ? { reasoning: wanted } : {};
}

function checkModalities({ outputModalities }: GenerationConfig): void {
  const other = outputModalities.findIndex((modality) => modality !== "text" && modality !== "image");
  if (other < 0) return;
  const field = `config.generation.outputModalities[${other}]`;
  throw unsupported(field, "the Responses API answers with text and images");
}

function toFormat(format: OutputFormat): object {
  return format.type === "json-object" ? { type: "json_object" } : { type: "json_schema", ...toWireSchema(format) };
}
