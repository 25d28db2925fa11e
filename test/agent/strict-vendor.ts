import type { Message, Part } from "../../src/core/chat.ts";

/**
 * What the strictest vendors refuse in a conversation, taken together: it begins with the user, the two sides take turns,
 * every call of a tool has its result directly after it, and no result is without its call. Empty when nothing is wrong.
 */
export function refusalsOf(messages: readonly Message[]): readonly string[] {
  const spoken = messages.filter(({ role }) => role !== "system");
  const sides = spoken.map(({ role }) => (role === "assistant" ? "model" : "user"));
  return [
    ...(spoken[0]?.role === "user" ? [] : [`it begins with ${spoken[0]?.role}`]),
    ...sides.flatMap((side, i) =>
      side === sides[i - 1] ? [`message ${i} is the ${side}'s, as is the one before`] : [],
    ),
    ...spoken.flatMap((message, i) => pairing(message, spoken[i - 1], spoken[i + 1], i)),
    ...spoken.flatMap(({ parts }, i) => (parts.length === 0 ? [`message ${i} is empty`] : [])),
  ];
}

function pairing(message: Message, before: Message | undefined, after: Message | undefined, i: number): string[] {
  const missing = idsOf(message, "tool-call").filter((id) => !(after && idsOf(after, "tool-result").includes(id)));
  const orphans = idsOf(message, "tool-result").filter((id) => !(before && idsOf(before, "tool-call").includes(id)));
  return [
    ...missing.map((id) => `the call ${id} in message ${i} has no result directly after it`),
    ...orphans.map((id) => `the result ${id} in message ${i} has no call directly before it`),
  ];
}

function idsOf({ parts }: Message, type: "tool-call" | "tool-result"): string[] {
  return parts.flatMap((part: Part) => {
    if (part.type === "tool-call" && type === "tool-call") return [part.id];
    return part.type === "tool-result" && type === "tool-result" ? [part.toolCallId] : [];
  });
}
