import type { Message, Part, TextPart, ToolResultPart } from "../core/chat.ts";
import { positionsOf, type Turn, turnsOf } from "./history.ts";
import { cutMiddle } from "./text-cut.ts";
import type { TokenCounter } from "./tokens.ts";

/** A conversation that fits, and what it lost. */
export interface Truncated {
  readonly messages: readonly Message[];
  readonly messagesLeftOut: number;
  /** UTF-16 code units. */
  readonly charactersLeftOut: number;
}

/**
 * Cuts a conversation down to `room` tokens: whole turns from the middle, the older first; then older steps of the last
 * turn; then the middle of long texts in the last turn. The first turn stays as long as it leaves the last one a quarter of
 * the room. Undefined when even that is too much.
 */
export function truncate(messages: readonly Message[], room: number, counter: TokenCounter): Truncated | undefined {
  const cutter = new Cutter(messages, room, counter);
  return cutter.wholeMessages() ?? cutter.withFirstTurn() ?? cutter.lastTurnOnly();
}

class Cutter {
  readonly #messages: readonly Message[];
  readonly #room: number;
  readonly #counter: TokenCounter;
  readonly #turns: readonly Turn[];
  readonly #system: readonly number[];

  constructor(messages: readonly Message[], room: number, counter: TokenCounter) {
    this.#messages = messages;
    this.#room = room;
    this.#counter = counter;
    this.#turns = turnsOf(messages);
    this.#system = [...messages.keys()].filter((i) => messages[i]?.role === "system");
  }

  /** The first turn, the last one, and as much of what is between them as fits. */
  wholeMessages(): Truncated | undefined {
    const [first, ...rest] = this.#turns;
    const last = rest.pop();
    if (!first) return undefined;
    if (!last) return this.#fitSteps([], first);
    const kept = this.#dropFirst([...positionsOf(first), ...positionsOf(last)], rest.map(positionsOf));
    if (kept) return this.#result([...positionsOf(first), ...kept, ...positionsOf(last)]);
    return this.#fitSteps(positionsOf(first), last);
  }

  withFirstTurn(): Truncated | undefined {
    const [first, last] = [this.#turns[0], this.#turns.at(-1)];
    if (!first || !last || first === last) return undefined;
    const before = positionsOf(first);
    const left = this.#room - this.#tokensOf([...this.#system, ...before]);
    return left >= this.#room / 4 ? this.#fitTexts(before, last) : undefined;
  }

  lastTurnOnly(): Truncated | undefined {
    const last = this.#turns.at(-1);
    return last && (this.#fitSteps([], last) ?? this.#fitTexts([], last));
  }

  /** Leaves out the older steps of the last turn, one by one. */
  #fitSteps(before: readonly number[], { said, steps }: Turn): Truncated | undefined {
    const last = steps.at(-1) ?? [];
    const always = [...before, ...said, ...last];
    const kept = this.#dropFirst(always, steps.slice(0, -1));
    return kept && this.#result([...always, ...kept]);
  }

  /** Of groups that may go, what is left when as many of the first have gone as have to; undefined when all is too many. */
  #dropFirst(always: readonly number[], groups: readonly (readonly number[])[]): readonly number[] | undefined {
    let tokens = this.#tokensOf([...this.#system, ...always, ...groups.flat()]);
    for (let gone = 0; ; gone++) {
      if (tokens <= this.#room) return groups.slice(gone).flat();
      const group = groups[gone];
      if (!group) return undefined;
      tokens -= this.#tokensOf(group);
    }
  }

  /** Cuts texts of what the user said last and of the last results, the longest first. */
  #fitTexts(before: readonly number[], { said, steps }: Turn): Truncated | undefined {
    const kept = [...before, ...said, ...(steps.at(-1) ?? [])];
    const excess = this.#tokensOf([...this.#system, ...kept]) - this.#room;
    const cut = cutTexts(
      { messages: this.#messages, positions: [...said, ...(steps.at(-1) ?? [])], excess },
      this.#counter,
    );
    const result = this.#result(kept, cut.replaced);
    const tokens = result.messages.reduce((total, message) => total + this.#counter.message(message), 0);
    return tokens > this.#room ? undefined : { ...result, charactersLeftOut: cut.leftOut };
  }

  #tokensOf(positions: readonly number[]): number {
    return positions.reduce(
      (total, i) => total + (this.#messages[i] ? this.#counter.message(this.#messages[i]) : 0),
      0,
    );
  }

  #result(positions: readonly number[], replaced: ReadonlyMap<number, Message> = new Map()): Truncated {
    const kept = new Set([...this.#system, ...positions]);
    const messages = this.#messages.flatMap((message, i) => (kept.has(i) ? [replaced.get(i) ?? message] : []));
    return { messages, messagesLeftOut: this.#messages.length - messages.length, charactersLeftOut: 0 };
  }
}

interface CutTexts {
  readonly messages: readonly Message[];
  readonly positions: readonly number[];
  /** Tokens to be rid of. */
  readonly excess: number;
}

type CuttablePart = TextPart | ToolResultPart;

/** A note takes about so many tokens; a text of no more is not worth cutting. */
const leastTokens = 24;

function cutTexts(
  { messages, positions, excess }: CutTexts,
  counter: TokenCounter,
): { replaced: ReadonlyMap<number, Message>; leftOut: number } {
  const replaced = new Map<number, Message>();
  let [rest, leftOut] = [excess, 0];
  for (const { position, index, text, tokens } of cuttable(messages, positions, counter)) {
    if (rest <= 0) break;
    const cut = cutMiddle(text, Math.max(leastTokens, tokens - rest), counter.text);
    const message = replaced.get(position) ?? messages[position];
    if (message)
      replaced.set(position, { ...message, parts: message.parts.with(index, withText(message, index, cut.text)) });
    rest -= tokens - counter.text(cut.text);
    leftOut += cut.leftOut;
  }
  return { replaced, leftOut };
}

/** The texts that may be cut, the longest first. */
function cuttable(messages: readonly Message[], positions: readonly number[], counter: TokenCounter) {
  return positions
    .flatMap((position) =>
      (messages[position]?.parts ?? []).flatMap((part, index) => {
        if (messages[position]?.role === "assistant" || !isCuttable(part)) return [];
        const text = textOf(part);
        return [{ position, index, text, tokens: counter.text(text) }];
      }),
    )
    .filter(({ tokens }) => tokens > leastTokens)
    .sort((a, b) => b.tokens - a.tokens);
}

function isCuttable(part: Part): part is CuttablePart {
  return part.type === "text" || part.type === "tool-result";
}

function textOf(part: CuttablePart): string {
  if (part.type === "text") return part.text;
  return part.text || (part.structured ? JSON.stringify(part.structured) : "");
}

/** A result that was cut is no longer the JSON it was. */
function withText({ parts }: Message, index: number, text: string): Part {
  const part = parts[index] as CuttablePart;
  if (part.type === "text") return { type: "text", text };
  const { structured: _, ...rest } = part;
  return { ...rest, text };
}
