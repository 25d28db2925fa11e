import type { Message } from "../core/chat.ts";

/** An answer of the model, and the results of the tools it called: they stay or go together. Positions in a conversation. */
export type HistoryStep = readonly number[];

/** What a user said, and everything until the user speaks again. Positions in a conversation. */
export interface Turn {
  /** The user's messages; none in a conversation that the model begins. */
  readonly said: readonly number[];
  readonly steps: readonly HistoryStep[];
}

/** A conversation taken apart where it may be cut. Messages of the role system are of no turn: they always stay. */
export function turnsOf(messages: readonly Message[]): readonly Turn[] {
  const turns: { said: number[]; steps: number[][] }[] = [];
  for (const [i, { role }] of messages.entries()) {
    if (role === "system") continue;
    const turn = turns.at(-1);
    if (!turn || (role === "user" && turn.steps.length > 0)) turns.push(begin(role, i));
    else if (role === "user") turn.said.push(i);
    else if (role === "tool" && turn.steps.length > 0) turn.steps.at(-1)?.push(i);
    else turn.steps.push([i]);
  }
  return turns;
}

function begin(role: Message["role"], i: number): { said: number[]; steps: number[][] } {
  return role === "user" ? { said: [i], steps: [] } : { said: [], steps: [[i]] };
}

/** All positions of a turn. */
export function positionsOf({ said, steps }: Turn): readonly number[] {
  return [...said, ...steps.flat()];
}

/**
 * Results of one answer's tools in one message, however many the caller sent: some vendors want all of them directly after
 * the calls.
 */
export function joinToolMessages(messages: readonly Message[]): readonly Message[] {
  const joined: Message[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    if (last?.role !== "tool" || message.role !== "tool") joined.push(message);
    else joined[joined.length - 1] = { ...last, parts: [...last.parts, ...message.parts] };
  }
  return joined;
}
