import type { Attributes } from "@opentelemetry/api";
import type { ChatEvent, Part, PartHead } from "../core/chat.ts";
import { attribute } from "./attributes.ts";
import { contentOf, withoutSecrets } from "./span-content.ts";

/** A part of an answer that is still coming. */
interface GrowingPart {
  readonly head: PartHead;
  text: string;
}

/** Puts together what a chat model says, for the span of its call. */
export class AnswerContent {
  readonly #open = new Map<string, GrowingPart>();
  readonly #parts: (GrowingPart | Part)[] = [];
  #finishReason = "";

  /** Anything else than an event of a chat is passed over. */
  see(output: object): void {
    const event = output as ChatEvent;
    if (event.type === "part-started") this.#start(event.key, event.part);
    else if (event.type === "delta") this.#grow(event.key, event.text);
    else if (event.type === "part") this.#parts.push(event.part);
    else if (event.type === "finished" && "finishReason" in event) this.#finishReason = event.finishReason;
  }

  attributes(): Attributes {
    if (this.#parts.length === 0) return {};
    const parts = this.#parts.map((part) => contentOf("head" in part ? wholePart(part) : part));
    const message = { role: "assistant", parts, finish_reason: this.#finishReason };
    return { [attribute.outputMessages]: withoutSecrets(JSON.stringify([message])) };
  }

  #start(key: string, head: PartHead): void {
    const part = { head, text: "" };
    this.#open.set(key, part);
    this.#parts.push(part);
  }

  #grow(key: string, text: string): void {
    const part = this.#open.get(key);
    if (part) part.text += text;
  }
}

function wholePart({ head, text }: GrowingPart): Part {
  return head.type === "tool-call" ? { ...head, argumentsJson: text } : { type: head.type, text };
}
