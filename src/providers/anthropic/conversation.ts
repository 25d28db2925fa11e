import type { ChatRequest, Message, Part } from "../../core/chat.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { type HistoryMapping, toAssistantBlocks, type WireBlock } from "./assistant-blocks.ts";
import { toContentBlocks } from "./content-blocks.ts";
import { checkHistory } from "./history-checks.ts";
import type { ModelFamily } from "./model-families.ts";
import { toResultBlocks } from "./tool-result-blocks.ts";

/** A message on the wire. */
export interface Turn {
  readonly role: "user" | "assistant" | "system";
  readonly content: readonly WireBlock[];
}

export interface Conversation {
  /** What is said before everything else; empty for nothing. */
  readonly system: string;
  readonly turns: readonly Turn[];
}

/** What a conversation is for. */
export interface ConversationSetup {
  readonly kind: string;
  readonly family: ModelFamily;
  readonly notes: Notes;
}

/**
 * The instructions and the messages as the API takes them: neighbours of one role in one message, the results of tools first
 * in it. Instructions within the conversation stay where they are if the model takes them there, else they join the others.
 */
export function toConversation(request: ChatRequest, { kind, family, notes }: ConversationSetup): Conversation {
  checkHistory(request.messages, family);
  const mapping: HistoryMapping = { kind, notes, toolsets: new Map() };
  const turns = request.messages
    .map((message, index) => toTurn(message, `messages[${index}]`, mapping))
    .filter(({ content }) => content.length > 0);
  const stays = turns.map((turn, index) => turn.role !== "system" || (family.systemMessages && fits(turns, index)));
  const lifted = turns.filter((_, index) => !stays[index]).map(textOf);
  return {
    system: [request.instructions, ...lifted].filter((text) => text !== "").join("\n\n"),
    turns: trimEnding(merge(turns.filter((_, index) => stays[index]))),
  };
}

/** "final assistant content cannot end with trailing whitespace": what the model goes on with has none. */
function trimEnding(turns: readonly Turn[]): readonly Turn[] {
  const last = turns.at(-1);
  const block = last?.content.at(-1);
  if (last?.role !== "assistant" || block?.type !== "text" || typeof block.text !== "string") return turns;
  const trimmed = { ...block, text: block.text.trimEnd() };
  return turns.with(-1, { ...last, content: last.content.with(-1, trimmed) });
}

function toTurn(message: Message, field: string, mapping: HistoryMapping): Turn {
  if (message.name) mapping.notes.ignored(`${field}.name`);
  const role = message.role === "tool" ? "user" : message.role;
  const content = message.parts.flatMap((part, index) => toBlocks(role, part, `${field}.parts[${index}]`, mapping));
  return { role, content };
}

function toBlocks(role: Turn["role"], part: Part, field: string, mapping: HistoryMapping): readonly WireBlock[] {
  if (role === "assistant") return toAssistantBlocks(part, field, mapping);
  if (role === "system") return systemBlocks(part, field, mapping);
  if (part.type === "tool-result") {
    return toResultBlocks(part, mapping.toolsets.get(part.toolCallId) ?? "", field);
  }
  return part.type === "text" || part.type === "media" ? toContentBlocks(part, field) : [];
}

function systemBlocks(part: Part, field: string, { notes }: HistoryMapping): readonly WireBlock[] {
  if (part.type === "text") return toContentBlocks(part, field);
  notes.dropped(field, "anything but text in a message of role system");
  return [];
}

/** The rule of the API: after a user's message, and before one of the assistant's, or last. */
function fits(turns: readonly Turn[], index: number): boolean {
  const before = turns.slice(0, index).findLast(({ role }) => role !== "system");
  const after = turns.slice(index + 1).find(({ role }) => role !== "system");
  return before?.role === "user" && after?.role !== "user";
}

function textOf({ content }: Turn): string {
  return content.map((block) => ("text" in block ? block.text : "")).join("\n\n");
}

function merge(turns: readonly Turn[]): readonly Turn[] {
  const merged: Turn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last?.role !== turn.role) merged.push(turn);
    else merged[merged.length - 1] = { role: turn.role, content: [...last.content, ...turn.content] };
  }
  return merged.map(resultsFirst);
}

function resultsFirst(turn: Turn): Turn {
  if (turn.role !== "user") return turn;
  const isResult = ({ type }: WireBlock) => type === "tool_result";
  return { role: "user", content: turn.content.toSorted((a, b) => Number(isResult(b)) - Number(isResult(a))) };
}
