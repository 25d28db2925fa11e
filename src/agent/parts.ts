import type { ChatEvent, Part, PartHead } from "../core/chat.ts";
import { LivellmError } from "../core/error.ts";
import type { RunEvent } from "./run-event.ts";

interface OpenPart {
  readonly head: PartHead;
  /** Unset until the part has begun for the caller. */
  index: number | undefined;
  readonly texts: string[];
  /** The first half of a surrogate pair, whose second half has not come. */
  half: string;
}

/** The most that one model call may write, in UTF-16 code units: far above any model's limit, and below our memory's. */
const maxGathered = 32 * 1024 * 1024;

type Finish = Extract<ChatEvent, { type: "part-finished" }>;

/**
 * Makes whole parts of one model call's events, and numbers them for the run. A text or reasoning part begins for the caller
 * with its first text, so that none is empty; one that stays empty and carries no state is left out.
 */
export class PartAssembler {
  readonly parts: Part[] = [];
  readonly #open = new Map<string, OpenPart>();
  readonly #hideReasoning: boolean;
  readonly #tell: (event: RunEvent) => void;
  #nextIndex: number;
  #gathered = 0;

  /** `tell` is called with each event. */
  constructor(firstIndex: number, hideReasoning: boolean, tell: (event: RunEvent) => void) {
    this.#nextIndex = firstIndex;
    this.#hideReasoning = hideReasoning;
    this.#tell = tell;
  }

  get nextIndex(): number {
    return this.#nextIndex;
  }

  start(key: string, head: PartHead): void {
    if (this.#open.has(key)) throw broken(`it began the part ${key} twice`);
    const part: OpenPart = { head, index: undefined, texts: [], half: "" };
    this.#open.set(key, part);
    if (head.type === "tool-call") this.#begin(part);
  }

  delta(key: string, text: string): void {
    const part = this.#open.get(key);
    if (!part) throw broken(`it went on with the part ${key}, which is not open`);
    if (text === "" || this.#isHidden(part)) return;
    this.#write(part, wholeCharacters(part, text));
  }

  finish(event: Finish): void {
    const open = this.#open.get(event.key);
    if (!open) return;
    this.#open.delete(event.key);
    this.#write(open, open.half.toWellFormed());
    const part = wholePart(open, event);
    if (!part) return;
    const index = open.index ?? this.#begin(open);
    this.parts.push(part);
    this.#tell({ type: "part-finished", index, part });
  }

  /** A part that came in one piece. */
  whole(part: Part): void {
    const index = this.#nextIndex++;
    this.parts.push(part);
    this.#tell({ type: "part-started", index, part: headOf(part) });
    this.#tell({ type: "part-finished", index, part });
  }

  /** At the end of the call: what the vendor left open is complete. */
  finishAll(): void {
    for (const key of [...this.#open.keys()]) this.finish({ type: "part-finished", key });
  }

  #write(part: OpenPart, text: string): void {
    if (text === "") return;
    this.#gather(part, text);
    this.#tell({ type: "delta", index: part.index ?? this.#begin(part), of: part.head.type, text });
  }

  /** Pieces are joined now and then: a million small ones take many times what their text does. */
  #gather(part: OpenPart, text: string): void {
    this.#gathered += text.length;
    if (this.#gathered > maxGathered) throw tooLong();
    part.texts.push(text);
    if (part.texts.length >= 1024) part.texts.splice(0, part.texts.length, part.texts.join(""));
  }

  #begin(part: OpenPart): number {
    const index = this.#nextIndex++;
    part.index = index;
    this.#tell({ type: "part-started", index, part: part.head });
    return index;
  }

  #isHidden(part: OpenPart): boolean {
    return this.#hideReasoning && part.head.type === "reasoning";
  }
}

/**
 * What can be passed on of a text that came. Some vendors cut between the halves of a surrogate pair; neither half has a form
 * in UTF-8, so each would become U+FFFD in a delta of its own. A half that stays alone does.
 */
function wholeCharacters(part: OpenPart, text: string): string {
  const whole = part.half + text;
  const cut = (whole.charCodeAt(whole.length - 1) & 0xfc00) === 0xd800 ? whole.length - 1 : whole.length;
  part.half = whole.slice(cut);
  return whole.slice(0, cut).toWellFormed();
}

/** Undefined when there is nothing to tell. */
function wholePart(open: OpenPart, { citations, providerState, redacted }: Finish): Part | undefined {
  const text = open.texts.join("");
  const extras = { ...(citations?.length && { citations }), ...(providerState && { providerState }) };
  switch (open.head.type) {
    case "text":
      return text === "" && !providerState ? undefined : { type: "text", text, ...extras };
    case "reasoning":
      if (text === "" && !providerState) return undefined;
      return { type: "reasoning", text, ...((redacted || text === "") && { redacted: true }), ...extras };
    case "tool-call":
      return { ...open.head, argumentsJson: text === "" ? "{}" : text, ...extras };
    default:
      return open.head satisfies never;
  }
}

/** Media and tool results have no head of their own in the contract: they begin as what they are when they finish. */
function headOf(part: Part): PartHead {
  if (part.type === "tool-call") return { type: "tool-call", id: part.id, name: part.name, executor: part.executor };
  return { type: part.type === "reasoning" ? "reasoning" : "text" };
}

function tooLong(): LivellmError {
  return new LivellmError(
    "internal",
    "bad_provider_response",
    `the provider wrote more than ${maxGathered / 1024 / 1024} Mi characters in one answer`,
  );
}

function broken(what: string): LivellmError {
  return new LivellmError(
    "internal",
    "bad_provider_response",
    `the provider's answer could not be understood: ${what}`,
  );
}
