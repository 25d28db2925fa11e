import type { ChatRequest, GenerationConfig, Modality, OutputFormat } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Warning } from "../../core/route.ts";
import { toWireMessages, type WireMessage } from "./chat-messages.ts";
import { type ToolFields, toToolFields, type WireTool } from "./chat-tools.ts";
import type { Dialect, Parameter } from "./dialect.ts";
import { jsonSentence, lacksJsonWord } from "./json-word.ts";
import { type Notes, newNotes } from "./notes.ts";
import { mergeOptions, refuseReservedOptions } from "./options.ts";
import { toWireSchema, type WireSchema } from "./output-format.ts";
import { unsupported } from "./unsupported.ts";

/** The body of a chat completions call; `writeJson` makes it text. */
export interface ChatCompletionsBody {
  readonly model: string;
  readonly messages: readonly WireMessage[];
  readonly [option: string]: unknown;
}

/** A call ready to be sent, and what was done differently from what was asked. */
export interface ChatCompletionsCall {
  readonly body: ChatCompletionsBody;
  readonly warnings: readonly Warning[];
  /** The tool that stands for a JSON schema, where the vendor has no such mode. */
  readonly answerTool?: string;
}

/** What the server sets itself. `n` would buy answers that nobody reads. */
const reserved = ["model", "messages", "stream", "stream_options", "tools", "tool_choice", "n"];

/**
 * A request in a vendor's dialect of chat completions, for a provider of `kind`. Throws `failed_precondition` for content
 * that the vendor cannot take, and `invalid_argument` for options that are ours.
 */
export function toChatCompletionsRequest(
  request: ChatRequest,
  asked: Dialect,
  kind = "openai-compatible",
): ChatCompletionsCall {
  refuseReservedOptions(request.options, reserved);
  const dialect = asked.ofModel?.(asked, request) ?? asked;
  const { model, generation, outputFormat, userId } = request;
  const notes = newNotes();
  const customTools = request.tools.some((tool) => tool.type === "provider-tool" && tool.providerType === "custom");
  const tools = toToolFields(request, dialect, notes);
  const output = toOutputFields(outputFormat, tools, dialect, notes);
  const body = {
    model,
    messages: toWireMessages(withJsonWord(request), { kind, dialect, notes, customTools }),
    ...toParameters(generation, dialect, notes),
    ...toStop(generation, dialect, notes),
    ...toReasoning(generation, dialect, notes),
    ...toModalities(generation.outputModalities, dialect),
    ...tools,
    ...output.fields,
    ...(userId && dialect.userParameter && { [dialect.userParameter]: userId }),
  };
  return {
    body: mergeOptions(body, request.options),
    warnings: notes.warnings,
    ...(output.answerTool && { answerTool: output.answerTool }),
  };
}

/** With a model that knows no such mode the word costs nothing. */
function withJsonWord(request: ChatRequest): ChatRequest {
  const { instructions, messages, outputFormat } = request;
  if (!lacksJsonWord(outputFormat, instructions, messages)) return request;
  return { ...request, instructions: [instructions, jsonSentence].filter((text) => text !== "").join("\n\n") };
}

/** The same call, for a streamed answer. */
export function asStream(body: ChatCompletionsBody, { asksForUsage }: Dialect): ChatCompletionsBody {
  return { ...body, stream: true, ...(asksForUsage && { stream_options: { include_usage: true } }) };
}

const parameters: readonly Parameter[] = [
  "temperature",
  "topP",
  "topK",
  "maxOutputTokens",
  "seed",
  "presencePenalty",
  "frequencyPenalty",
];

function toParameters(generation: GenerationConfig, dialect: Dialect, notes: Notes): JsonObject {
  const fields: Record<string, number> = {};
  for (const parameter of parameters) {
    const value = generation[parameter];
    const name = dialect.parameters[parameter];
    if (value === undefined) continue;
    if (name) fields[name] = parameter === "temperature" ? toTemperature(value, dialect, notes) : value;
    else notes.ignored(`config.generation.${parameter}`);
  }
  return fields;
}

function toTemperature(wanted: number, { maxTemperature = 2 }: Dialect, notes: Notes): number {
  if (wanted <= maxTemperature) return wanted;
  notes.clamped("config.generation.temperature", `${maxTemperature} is the most`);
  return maxTemperature;
}

function toStop({ stopSequences }: GenerationConfig, { maxStopSequences }: Dialect, notes: Notes): JsonObject {
  const field = "config.generation.stopSequences";
  if (stopSequences.length === 0) return {};
  if (maxStopSequences === 0) {
    notes.ignored(field);
    return {};
  }
  if (stopSequences.length > maxStopSequences) notes.clamped(field, `the first ${maxStopSequences} are used`);
  return { stop: stopSequences.slice(0, maxStopSequences) };
}

function toReasoning({ reasoning }: GenerationConfig, dialect: Dialect, notes: Notes): JsonObject {
  const { efforts, budget, hidden, alwaysThinks, resting } = dialect.reasoning;
  if (resting) {
    notes.clamped("config.generation.reasoning", resting.why);
    return resting.fields;
  }
  if (!reasoning) return {};
  const { effort, budgetTokens } = reasoning;
  const wantsBudget = budgetTokens !== undefined;
  const level = effort && !(wantsBudget && budget) ? efforts[effort] : undefined;
  if (effort && !efforts[effort]) notes.ignored("config.generation.reasoning.effort");
  if (effort === "disabled" && alwaysThinks) notes.clamped("config.generation.reasoning.effort", leastThought);
  if (wantsBudget && !budget) notes.ignored("config.generation.reasoning.budgetTokens");
  const spent = wantsBudget && budget ? { [budget[0]]: { [budget[1]]: budgetTokens } } : {};
  return mergeOptions(mergeOptions({ ...level }, spent), reasoning.hidden ? (hidden ?? {}) : {}) as JsonObject;
}

/** What a model does that cannot stop thinking. */
export const leastThought = "this model always thinks, and does it with the least effort";

function toModalities(wanted: readonly Modality[], { output }: Dialect): object {
  const missing = wanted.findIndex((modality) => !output.modalities.includes(modality));
  const field = `config.generation.outputModalities[${missing}]`;
  if (missing >= 0) throw unsupported(field, `this provider answers with ${output.modalities.join(", ")}`);
  if (!wanted.some((modality) => modality !== "text")) return {};
  // Streamed audio has to be pcm16; a voice is required, and `options: {"audio": {"voice": …}}` picks another.
  const audio = wanted.includes("audio") ? { audio: { voice: "alloy", format: "pcm16" } } : {};
  return { modalities: [...new Set([...wanted, "text"])], ...audio };
}

interface OutputFields {
  readonly fields: ToolFields & { readonly response_format?: object };
  readonly answerTool?: string;
}

function toOutputFields(
  format: OutputFormat | undefined,
  tools: ToolFields,
  { output }: Dialect,
  notes: Notes,
): OutputFields {
  if (!format) return { fields: {} };
  const excluded = output.excludesTools && tools.tools !== undefined;
  if (format.type === "json-object" && excluded) {
    notes.inWords("config.outputFormat");
    return { fields: {} };
  }
  if (format.type === "json-object") return { fields: { response_format: jsonObject(output.jsonObject) } };
  const schema = toWireSchema(format);
  if (output.jsonSchema && !excluded) {
    return { fields: { response_format: { type: "json_schema", json_schema: schema } } };
  }
  notes.emulated("config.outputFormat.jsonSchema");
  return { fields: withAnswerTool(schema, tools), answerTool: schema.name };
}

/**
 * Where the caller wants none of the tools called, the answer is the only one there is; one that the caller wants called goes
 * first, and the answer follows when its result is there.
 */
function withAnswerTool(schema: WireSchema, { tools = [], tool_choice }: ToolFields): ToolFields {
  const { name, description = "Gives the answer.", schema: parameters } = schema;
  const answer = { type: "function", function: { name, description, parameters } } as WireTool;
  const choice = typeof tool_choice === "object" ? tool_choice : "required";
  return { tools: tool_choice === "none" ? [answer] : [...tools, answer], tool_choice: choice };
}

function jsonObject(known: boolean): object {
  if (known) return { type: "json_object" };
  return { type: "json_schema", json_schema: { name: "output", schema: { type: "object" }, strict: false } };
}
