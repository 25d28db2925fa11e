import type { Message } from "@anthropic-ai/sdk/resources/messages";
import type { ChatEvent, PartHead, ProviderState } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { addUsage, type Usage } from "../../core/usage.ts";
import type { AnswerContext } from "../openai-compatible/answer-context.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { object, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { writeState } from "../openai-compatible/provider-state.ts";
import { toCitation } from "./citations.ts";
import { mergeUsage, readMessagesUsage } from "./messages-usage.ts";
import { toServerToolResult } from "./server-tool-results.ts";
import { toFinishReason } from "./stop-reason.ts";

/**
 * An answer as far as it has been read, which may be several messages where the vendor paused. Readers add to `events`;
 * whoever drives them takes those out.
 */
export interface MessagesAnswer {
  readonly context: AnswerContext;
  events: ChatEvent[];
  requestId?: string;
  began: boolean;
  partCount: number;
  /** The blocks of the message that are not complete, by their index. */
  readonly open: Map<number, OpenBlock>;
  /** The complete blocks of the whole answer, as they go back to the vendor. */
  readonly blocks: JsonObject[];
  /** The names of the vendor's own tools that were called, by the calls' ids. */
  readonly serverTools: Map<string, string>;
  calledTools: boolean;
  /** Of the messages before this one. */
  usageBefore: Usage;
  usage: JsonObject;
  stopReason: string;
  /** Where the vendor's own tools run; empty when they have not. */
  container: string;
  metadata: JsonObject;
}

/** A block that is being written. */
interface OpenBlock {
  readonly kind: BlockKind;
  /** Empty for a block that is told when it is complete. */
  readonly key: string;
  block: JsonObject;
  readonly written: string[];
  readonly citations: JsonObject[];
}

/** `answer` is the call that stands for a JSON answer; `whole` are blocks that come in one piece. */
type BlockKind = "text" | "thinking" | "call" | "answer" | "result" | "whole";

export function newMessagesAnswer(context: AnswerContext): MessagesAnswer {
  return {
    context,
    events: [],
    began: false,
    partCount: 0,
    open: new Map(),
    blocks: [],
    serverTools: new Map(),
    calledTools: false,
    usageBefore: {},
    usage: {},
    stopReason: "",
    container: "",
    metadata: {},
  };
}

/** Takes the events that the last event of the vendor's gave. */
export function takeEvents(answer: MessagesAnswer): readonly ChatEvent[] {
  const { events } = answer;
  answer.events = [];
  return events;
}

/** A message begins: the first of the answer, or one that goes on after a pause. */
export function startMessage(answer: MessagesAnswer, message: JsonObject): void {
  answer.usageBefore = addUsage(answer.usageBefore, readMessagesUsage(answer.usage));
  answer.usage = mergeUsage({}, message.usage);
  answer.stopReason = "";
  readContainer(answer, message);
  if (typeof message.id === "string") answer.metadata = { ...answer.metadata, id: message.id };
  if (!answer.began) begin(answer, text(message.model));
}

function begin(answer: MessagesAnswer, model: string): void {
  const { warnings = [] } = answer.context;
  const { requestId } = answer;
  answer.began = true;
  answer.events.push({
    type: "response",
    ...(model && { model }),
    ...(requestId && { requestId }),
    ...(warnings.length > 0 && { warnings }),
  });
}

/** A block begins. In a unary answer it is there as a whole. */
export function startBlock(answer: MessagesAnswer, index: number, block: JsonObject): void {
  const kind = kindOf(block, answer);
  const head = headOf(block, kind);
  const key = head ? String(answer.partCount++) : "";
  const citations = [...objects(block.citations)];
  answer.open.set(index, { kind, key, block, written: [], citations });
  if (head) answer.events.push({ type: "part-started", key, part: head });
  if (kind === "text") writeBlock(answer, index, text(block.text));
  if (kind === "thinking") writeBlock(answer, index, text(block.thinking));
}

function kindOf(block: JsonObject, { context }: MessagesAnswer): BlockKind {
  const type = text(block.type);
  if (type === "text" || type === "thinking") return type;
  if (type === "tool_use") return block.name === context.answerTool ? "answer" : "call";
  if (type.endsWith("_tool_use")) return "call";
  return type.endsWith("_tool_result") ? "result" : "whole";
}

function headOf(block: JsonObject, kind: BlockKind): PartHead | undefined {
  switch (kind) {
    case "text":
    case "answer":
      return { type: "text" };
    case "thinking":
    case "whole":
      return { type: "reasoning" };
    case "call": {
      const executor = block.type === "tool_use" ? "client" : "provider";
      return { type: "tool-call", id: text(block.id), name: text(block.name), executor };
    }
    case "result":
      return undefined;
    default:
      return kind satisfies never;
  }
}

/** More of a block's text, thoughts, or input. */
export function writeBlock(answer: MessagesAnswer, index: number, more: string): void {
  if (more === "") return;
  const { kind, key, written } = openBlock(answer, index);
  written.push(more);
  const hidden = kind === "thinking" && answer.context.hideReasoning;
  if (key !== "" && !hidden) answer.events.push({ type: "delta", key, text: more });
}

export function addCitation(answer: MessagesAnswer, index: number, citation: JsonObject): void {
  openBlock(answer, index).citations.push(citation);
}

export function setBlockFields(answer: MessagesAnswer, index: number, fields: JsonObject): void {
  const open = openBlock(answer, index);
  open.block = { ...open.block, ...fields };
}

function openBlock({ open }: MessagesAnswer, index: number): OpenBlock {
  const block = open.get(index);
  if (!block) throw unreadableAnswer("a piece of a content block that has not begun");
  return block;
}

/** A block is complete. */
export function finishBlock(answer: MessagesAnswer, index: number): void {
  const open = openBlock(answer, index);
  answer.open.delete(index);
  if (open.kind === "call" || open.kind === "answer") writeInput(answer, open);
  const block = wholeBlock(open);
  answer.blocks.push(block);
  if (open.kind === "result") finishResult(answer, block);
  else answer.events.push({ type: "part-finished", key: open.key, ...endingOf(answer, open, block) });
}

/** Ends blocks that the vendor left open. */
export function finishOpenBlocks(answer: MessagesAnswer): void {
  for (const index of answer.open.keys()) finishBlock(answer, index);
}

/** An input that came with the block's beginning, as that of a unary answer and an empty one do. */
function writeInput(answer: MessagesAnswer, { kind, key, block, written }: OpenBlock): void {
  if (kind === "call" && block.type === "tool_use") answer.calledTools = true;
  else if (kind === "call") answer.serverTools.set(text(block.id), text(block.name));
  if (written.length > 0) return;
  const input = JSON.stringify(object(block.input));
  written.push(input);
  answer.events.push({ type: "delta", key, text: input });
}

/** The block as it has to go back. */
function wholeBlock({ kind, block, written, citations }: OpenBlock): JsonObject {
  const said = written.join("");
  if (kind === "text") return { ...block, text: said, ...(citations.length > 0 && { citations }) };
  if (kind === "thinking") return { ...block, thinking: said };
  return kind === "call" || kind === "answer" ? { ...block, input: parsed(said) } : block;
}

function parsed(input: string): JsonObject {
  try {
    return object(JSON.parse(input));
  } catch {
    return { INVALID_JSON: input };
  }
}

type Ending = Omit<Extract<ChatEvent, { type: "part-finished" }>, "type" | "key">;

function endingOf({ context }: MessagesAnswer, { kind, written, citations }: OpenBlock, block: JsonObject): Ending {
  const providerState = writeState(context.kind, block);
  switch (kind) {
    case "text":
      return citations.length > 0 ? { citations: citations.map(toCitation), providerState } : {};
    case "thinking":
      return { providerState, ...((written.length === 0 || context.hideReasoning) && { redacted: true }) };
    case "call":
      return needsState(block) ? { providerState } : {};
    case "whole":
      return { providerState, redacted: true };
    default:
      return {};
  }
}

/** The vendor's own calls go back as they were, and so do those that its code made, or that name a family of tools. */
function needsState({ type, caller, toolset_name }: JsonObject): boolean {
  if (type !== "tool_use" || typeof toolset_name === "string") return true;
  return isJsonObject(caller) && caller.type !== "direct";
}

function finishResult(answer: MessagesAnswer, block: JsonObject): void {
  const name = answer.serverTools.get(text(block.tool_use_id)) ?? text(block.type).replace(/_tool_result$/, "");
  const providerState: ProviderState = writeState(answer.context.kind, block);
  answer.events.push({ type: "part", part: { ...toServerToolResult(block, name), providerState } });
}

/** What is known of a message at its end. Its counts are totals so far, and not what came on top. */
export function updateMessage(answer: MessagesAnswer, delta: JsonObject, usage: unknown): void {
  const { stop_reason, stop_sequence, stop_details } = delta as Unchecked<Message>;
  answer.usage = mergeUsage(answer.usage, usage);
  answer.stopReason = text(stop_reason) || answer.stopReason;
  readContainer(answer, delta);
  answer.metadata = {
    ...answer.metadata,
    ...(typeof stop_sequence === "string" && { stop_sequence }),
    ...(isJsonObject(stop_details) && { stop_details }),
  };
}

function readContainer(answer: MessagesAnswer, { container }: JsonObject): void {
  if (!isJsonObject(container)) return;
  answer.container = text(container.id) || answer.container;
  answer.metadata = { ...answer.metadata, container };
}

/** Whether the vendor waits to be asked to go on. */
export function isPaused({ stopReason }: MessagesAnswer): boolean {
  return stopReason === "pause_turn";
}

/** What a vendor that waits has said so far, to be sent back to it; empty when it does not wait. Blank text is refused. */
export function pausedContent(answer: MessagesAnswer): readonly JsonObject[] {
  if (!isPaused(answer)) return [];
  return answer.blocks.filter((block) => block.type !== "text" || text(block.text).trim() !== "");
}

/** Says how the answer ended. */
export function finishAnswer(answer: MessagesAnswer): void {
  const { stopReason, metadata } = answer;
  answer.events.push({
    type: "finished",
    finishReason: toFinishReason(stopReason, answer.calledTools),
    providerFinishReason: stopReason,
    usage: addUsage(answer.usageBefore, readMessagesUsage(answer.usage)),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  });
}
