import type { ChatRequest, Message, OutputFormat } from "../../core/chat.ts";
import type { Warning } from "../../core/route.ts";
import { rawJson } from "../openai-compatible/json-text.ts";
import { jsonSentence } from "../openai-compatible/json-word.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { type OfferedTools, toOfferedTools, toToolFields } from "./chat-tools.ts";
import { toContents, type WireContent } from "./contents.ts";
import { toGenerationConfig } from "./generation-config.ts";
import { isGemini3 } from "./model-families.ts";

/** The body of `generateContent` and `streamGenerateContent`; `writeJson` makes it text. */
interface GenerateContentBody {
  readonly contents: readonly WireContent[];
  readonly [option: string]: unknown;
}

/** A call ready to be sent, and what was done differently from what was asked. */
interface GenerateContentCall {
  readonly body: GenerateContentBody;
  readonly warnings: readonly Warning[];
  /** The function that stands for a JSON schema. */
  readonly answerTool?: string;
}

/** What the server sets itself, in both spellings that the API takes. */
const reserved = ["model", "contents", "tools", "systemInstruction", "system_instruction"];

/**
 * A request for the Gemini API. Throws `failed_precondition` for content that it does not take, and `invalid_argument` for
 * options that are ours.
 */
export function toGenerateContentRequest(request: ChatRequest, kind: string): GenerateContentCall {
  refuseReservedOptions(request.options, reserved);
  const { model, messages } = request;
  const notes = newNotes();
  const offered = toOfferedTools(request, notes);
  const excluded = excludesFormat(request, offered);
  const emulated = excluded && request.outputFormat?.type === "json-schema" ? request.outputFormat : undefined;
  const generationConfig = toGenerationConfig(request, !excluded, notes);
  const body = {
    contents: toContents(messages, { kind, notes, model }),
    ...toSystemInstruction(excluded && !emulated ? inWords(request, notes) : request, notes),
    ...(generationConfig && { generationConfig }),
    ...toToolFields(emulated ? withAnswerTool(offered, emulated, request, notes) : offered),
  };
  return {
    body: mergeOptions(body, request.options),
    warnings: notes.warnings,
    ...(emulated && { answerTool: emulated.name || answerName }),
  };
}

/** There is one place for instructions, in front of everything. */
export function toSystemInstruction(
  { instructions, messages }: Pick<ChatRequest, "instructions" | "messages">,
  notes: Notes,
): object {
  const first = messages.findIndex(({ role }) => role !== "system");
  const said = messages.flatMap((message, index) => {
    if (message.role !== "system") return [];
    if (index > first && first >= 0) notes.clamped(`messages[${index}]`, "a system message joins the instructions");
    return [textOf(message)];
  });
  const parts = [instructions, ...said].filter((text) => text !== "").map((text) => ({ text }));
  return parts.length > 0 ? { systemInstruction: { parts } } : {};
}

function textOf({ parts }: Message): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

type JsonSchemaFormat = Extract<OutputFormat, { type: "json-schema" }>;

const answerName = "answer";

/** Before Gemini 3 functions and a JSON form of the answer exclude each other: a schema becomes a function. */
function excludesFormat({ model, outputFormat }: ChatRequest, { functions }: OfferedTools): boolean {
  return outputFormat !== undefined && functions.length > 0 && !isGemini3(model);
}

function inWords(request: ChatRequest, notes: Notes): ChatRequest {
  notes.inWords("config.outputFormat");
  const { instructions } = request;
  return { ...request, instructions: [instructions, jsonSentence].filter((text) => text !== "").join("\n\n") };
}

function withAnswerTool(
  { functions, hosted }: OfferedTools,
  format: JsonSchemaFormat,
  { toolChoice }: ChatRequest,
  notes: Notes,
): OfferedTools {
  notes.emulated("config.outputFormat.jsonSchema");
  const answer = {
    name: format.name || answerName,
    description: format.description || "Gives the answer.",
    parametersJsonSchema: rawJson(format.schemaJson, "config.outputFormat.jsonSchema.schemaJson"),
  };
  const only = toolChoice?.mode === "disabled" && { allowedFunctionNames: [answer.name] };
  return {
    functions: [...functions, answer],
    hosted,
    toolConfig: { functionCallingConfig: { mode: "ANY", ...only } },
  };
}
