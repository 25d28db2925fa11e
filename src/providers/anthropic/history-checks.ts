import type { Message } from "../../core/chat.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";
import type { ModelFamily } from "./model-families.ts";

/** Throws `unsupported`, naming the message, for a history that the API is known to refuse. */
export function checkHistory(messages: readonly Message[], family: ModelFamily): void {
  const said = [...messages.entries()].filter(([, { role }]) => role !== "system");
  checkOpening(said);
  checkCalls(said);
  checkEnding(said, family);
}

type Said = readonly (readonly [index: number, message: Message])[];

function checkOpening([first]: Said): void {
  if (first?.[1].role !== "assistant") return;
  throw unsupported(`messages[${first[0]}]`, "with Anthropic the user speaks first");
}

/** Every call has its result in the messages that follow, before anything else that the assistant says. */
function checkCalls(said: Said): void {
  const waiting = new Map<string, string>();
  for (const [position, [index, message]] of said.entries()) {
    if (message.role === "assistant") {
      const before = said[position - 1]?.[1].role;
      if (before !== "assistant") refuseWaiting(waiting);
      addCalls(waiting, message, `messages[${index}]`);
    } else {
      for (const part of message.parts) if (part.type === "tool-result") waiting.delete(part.toolCallId);
    }
  }
  refuseWaiting(waiting);
}

function addCalls(waiting: Map<string, string>, { parts }: Message, field: string): void {
  for (const [index, part] of parts.entries()) {
    if (part.type === "tool-call" && part.executor !== "provider") waiting.set(part.id, `${field}.parts[${index}]`);
  }
}

function refuseWaiting(waiting: ReadonlyMap<string, string>): void {
  const [first] = waiting.values();
  if (first) throw unsupported(first, "with Anthropic a tool call needs its result in the next message");
}

function checkEnding(said: Said, { prefill }: ModelFamily): void {
  const [index, message] = said.at(-1) ?? [];
  if (prefill || message?.role !== "assistant" || message.parts.at(-1)?.type !== "text") return;
  throw unsupported(`messages[${index}]`, "this model does not go on with a message of the assistant's");
}
