import type {
  AudioTranscription,
  RealtimeReasoning,
  RealtimeSessionCreateRequest,
} from "openai/resources/realtime/realtime";
import type { Message, Part, ReasoningConfig } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ConversationRequest } from "../../core/live.ts";
import type { Warning } from "../../core/route.ts";
import type { ModelTool } from "../../core/tools.ts";
import type { TranscriptionConfig } from "../../core/transcription.ts";
import { resultText } from "../openai-compatible/chat-messages.ts";
import { leastThought } from "../openai-compatible/chat-request.ts";
import { rawJson } from "../openai-compatible/json-text.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { primaryLanguage } from "../openai-compatible/transcription-request.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";
import { toTurnDetection } from "./live-request.ts";
import { toRealtimeFormat } from "./realtime-format.ts";
import { toSpeed, toVoiceField } from "./realtime-speech.ts";

/** How a conversation is opened. */
export interface ConversationSession {
  readonly session: object;
  /** What was said before. */
  readonly items: readonly object[];
  readonly warnings: readonly Warning[];
}

const reserved = ["type", "model", "instructions", "output_modalities", "tools"];

/** The session of a conversation. Options are merged into it, such as `{"audio": {"input": {"noise_reduction": …}}}`. */
export function toConversationSession(request: ConversationRequest): ConversationSession {
  refuseReservedOptions(request.options, reserved);
  const notes = newNotes();
  const items = request.messages.flatMap((message, index) => toItems(message, `messages[${index}]`, notes));
  const session = {
    type: "realtime",
    output_modalities: [request.outputFormat ? "audio" : "text"],
    audio: { input: toInput(request, notes), ...(request.outputFormat && { output: toOutput(request, notes) }) },
    instructions: instructionsOf(request),
    tools: request.tools.map((tool, index) => toTool(tool, `config.tools[${index}]`, notes)),
    ...toGeneration(request, notes),
  } satisfies LooseSession;
  return { session: mergeOptions(session, request.options), items, warnings: notes.warnings };
}

/** The documented fields; a tool's schema is text until it is sent. */
type LooseSession = { readonly [Key in keyof RealtimeSessionCreateRequest]?: unknown };

/** Without audio nobody has to find turns in it. */
function toInput({ inputFormat, turnDetection, bargeIn, inputTranscription }: ConversationRequest, notes: Notes) {
  if (!inputFormat) return { turn_detection: null };
  const turns = toTurnDetection(turnDetection);
  return {
    format: toRealtimeFormat(inputFormat),
    turn_detection: turns && { ...turns, create_response: true, interrupt_response: bargeIn },
    ...(inputTranscription && { transcription: toTranscription(inputTranscription, notes) }),
  };
}

/** What writes down what the user says, unless the options name another model. */
const transcriber = "gpt-transcribe";

function toTranscription(config: TranscriptionConfig, notes: Notes): AudioTranscription {
  const { languageCode, prompt, phrases, wordTimings, speakerLabels } = config;
  if (wordTimings) notes.ignored("config.inputTranscription.wordTimings");
  if (speakerLabels) notes.ignored("config.inputTranscription.speakerLabels");
  return {
    model: transcriber,
    ...(languageCode && { language: primaryLanguage(languageCode) }),
    ...(prompt && { prompt }),
    ...(phrases.length > 0 && { keywords: [...phrases] }),
  };
}

function toOutput({ outputFormat, voice, speech }: ConversationRequest, notes: Notes) {
  if (speech.languageCode !== "") notes.ignored("config.speech.languageCode");
  const speed = toSpeed(speech.speed, notes);
  return {
    ...(outputFormat && { format: toRealtimeFormat(outputFormat) }),
    ...toVoiceField(voice),
    ...(speed !== undefined && { speed }),
  };
}

/** There is one place for what to say and how to say it. */
function instructionsOf({ instructions, outputFormat, speech }: ConversationRequest): string {
  const style = outputFormat && speech.instructions !== "" ? `How to speak: ${speech.instructions}` : "";
  return [instructions, style].filter((text) => text !== "").join("\n\n");
}

function toTool(tool: ModelTool, field: string, notes: Notes): object {
  if (tool.type === "provider-tool") return { ...tool.config, type: tool.providerType };
  if (tool.type !== "function")
    throw unsupported(field, "a Realtime session has functions, and tools of its own types");
  const { name, description, inputSchemaJson, strict } = tool;
  if (strict !== undefined) notes.ignored(`${field}.function.strict`);
  const parameters = inputSchemaJson
    ? rawJson(inputSchemaJson, `${field}.function.inputSchemaJson`)
    : { type: "object", properties: {} };
  return { type: "function", name, ...(description && { description }), parameters };
}

/** A session has few of the options that a text model has. */
function toGeneration({ generation, model }: ConversationRequest, notes: Notes): object {
  const { maxOutputTokens, reasoning, outputModalities, stopSequences, ...rest } = generation;
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined) notes.ignored(`config.generation.${name}`);
  }
  if (stopSequences.length > 0) notes.ignored("config.generation.stopSequences");
  return {
    ...(maxOutputTokens !== undefined && { max_output_tokens: maxOutputTokens }),
    ...toReasoning(reasoning, model, notes),
  };
}

/** The models that talk and think: openai-node, `RealtimeReasoning`. */
const thinks = /^gpt-realtime-[2-9]/;

function toReasoning(wanted: ReasoningConfig | undefined, model: string, notes: Notes): object {
  const { effort, budgetTokens } = wanted ?? {};
  const field = "config.generation.reasoning";
  if (budgetTokens !== undefined) notes.ignored(`${field}.budgetTokens`);
  if (!effort) return {};
  if (!thinks.test(model)) {
    if (effort !== "disabled") notes.ignored(`${field}.effort`);
    return {};
  }
  if (effort === "disabled") notes.clamped(`${field}.effort`, leastThought);
  const level = effort === "max" ? "xhigh" : effort === "disabled" ? "minimal" : effort;
  return { reasoning: { effort: level } satisfies RealtimeReasoning };
}

function toItems(message: Message, field: string, notes: Notes): readonly object[] {
  const content = message.parts.flatMap((part, index) =>
    toContent(part, message.role, `${field}.parts[${index}]`, notes),
  );
  const others = message.parts.flatMap(toOtherItem);
  const role = message.role === "tool" ? "user" : message.role;
  return content.length > 0 ? [{ type: "message", role, content }, ...others] : others;
}

function toContent(part: Part, role: Message["role"], field: string, notes: Notes): readonly object[] {
  if (part.type === "text") return [{ type: role === "assistant" ? "output_text" : "input_text", text: part.text }];
  if (part.type === "media") notes.dropped(field, "files in what was said before");
  return [];
}

function toOtherItem(part: Part): readonly object[] {
  if (part.type === "tool-call" && part.executor !== "provider") {
    return [{ type: "function_call", call_id: part.id, name: part.name, arguments: part.argumentsJson }];
  }
  return part.type === "tool-result" ? [toResultItem(part)] : [];
}

/** What a function returned, as an item of the conversation. */
export function toResultItem(result: Part & { type: "tool-result" }): JsonObject {
  return { type: "function_call_output", call_id: result.toolCallId, output: resultText(result) };
}
