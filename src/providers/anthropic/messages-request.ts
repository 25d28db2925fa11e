import type { ChatRequest } from "../../core/chat.ts";
import type { Warning } from "../../core/route.ts";
import { newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions, refuseReservedOptions } from "../openai-compatible/options.ts";
import { type Conversation, type Turn, toConversation } from "./conversation.ts";
import { checkModalities, toGenerationFields } from "./generation-fields.ts";
import { isForced, toToolFields } from "./messages-tools.ts";
import { familyOf, type ModelFamily } from "./model-families.ts";
import { toFormatFields } from "./output-format.ts";
import { type ThinkingFields, toThinking } from "./thinking.ts";

/** The body of a call of the Messages API; `writeJson` makes it text. */
export interface MessagesBody {
  readonly model: string;
  readonly max_tokens: number;
  readonly messages: readonly Turn[];
  readonly [option: string]: unknown;
}

/** A call ready to be sent, and what was done differently from what was asked. */
export interface MessagesCall {
  readonly body: MessagesBody;
  readonly warnings: readonly Warning[];
  /** The tool that stands for a JSON answer, where the vendor has no mode for it. */
  readonly answerTool?: string;
}

/** What a request is mapped for. */
export interface MessagesSetup {
  /** The kind of the adapter: it marks provider state. */
  readonly kind: string;
  /** Whether the version of the API takes sampling options from models that have them. */
  readonly sampling: boolean;
}

/** What the server sets itself. */
const reserved = ["model", "messages", "system", "stream", "tools", "tool_choice"];

/**
 * A request for the Messages API. `max_tokens`, which the API requires, is the caller's `maxOutputTokens`, else the model
 * family's default, else 8192. Throws `failed_precondition` for what the API does not take.
 */
export function toMessagesRequest(request: ChatRequest, { kind, sampling }: MessagesSetup): MessagesCall {
  refuseReservedOptions(request.options, reserved);
  const { model, generation, userId } = request;
  checkModalities(generation);
  const notes = newNotes();
  const family = familyOf(model);
  const conversation = toConversation(request, { kind, family, notes });
  const output = toFormatFields(request.outputFormat, toToolFields(request, family, notes), family, notes);
  const maxTokens = generation.maxOutputTokens ?? family.defaultMaxTokens;
  const hindrance = hindranceOf(isForced(output.tools), conversation, family);
  const thinking = toThinking({ reasoning: generation.reasoning, family, maxTokens, hindrance }, notes);
  const system = [conversation.system, output.instructions].filter((text) => text !== "").join("\n\n");
  const body = {
    model,
    max_tokens: maxTokens,
    ...(system && { system }),
    messages: conversation.turns,
    ...toGenerationFields(generation, sampling && family.sampling && !isThinking(thinking), notes),
    ...(thinking.thinking && { thinking: thinking.thinking }),
    ...toOutputConfig(thinking, output.format),
    ...output.tools,
    ...(userId && { metadata: { user_id: userId } }),
  };
  const { answerTool } = output;
  return { body: mergeOptions(body, request.options), warnings: notes.warnings, ...(answerTool && { answerTool }) };
}

/** Sampling is refused while a model thinks: "Extended thinking, feature compatibility". */
function isThinking({ thinking }: ThinkingFields): boolean {
  return thinking?.type === "enabled" || thinking?.type === "adaptive";
}

/** Thinking goes neither with a forced call nor, within a budget, with a step that another model began without it. */
function hindranceOf(forced: boolean, { turns }: Conversation, { thinking }: ModelFamily): string {
  if (forced) return "a tool has to be called";
  const startsAnew = !thinking.includes("adaptive") && goesOnWithoutThoughts(turns);
  return startsAnew ? "the step before was taken without it" : "";
}

/** Whether the steps since the user last spoke began without a thought. */
function goesOnWithoutThoughts(turns: readonly Turn[]): boolean {
  const asked = turns.findLastIndex((turn) => turn.role === "user" && !turn.content.some(isResult));
  const [first] = turns[asked + 1]?.content ?? [];
  return first !== undefined && first.type !== "thinking" && first.type !== "redacted_thinking";
}

function isResult({ type }: Turn["content"][number]): boolean {
  return type === "tool_result";
}

function toOutputConfig({ effort }: ThinkingFields, format: object | undefined): { output_config?: object } {
  if (!effort && !format) return {};
  return { output_config: { ...(effort && { effort }), ...(format && { format }) } };
}
