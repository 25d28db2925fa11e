/** What a message says, in the form that spans have it in; of media what it is, and nothing of it. */
export type SaidPart =
  | { readonly type: "text" | "reasoning"; content: string }
  | { readonly type: "blob"; readonly mime_type: string }
  | { readonly type: "tool_call"; readonly id: string; readonly name: string; readonly arguments: string }
  | {
      readonly type: "tool_call_response";
      readonly id: string;
      readonly name: string;
      readonly response: string;
      readonly failed?: true;
    };

export interface SaidMessage {
  /** Whether the caller sent it, or was sent it. */
  readonly direction: "in" | "out";
  readonly role: string;
  readonly name?: string;
  readonly parts: SaidPart[];
}

/** Of one call, in characters; a conversation that is longer loses its beginning. */
const maxLength = 512 * 1024;

/** What has been said in one call so far, in order. */
export class Said {
  #messages: SaidMessage[] = [];
  #length = 0;
  #isCut = false;

  add(message: SaidMessage): void {
    this.#messages.push(message);
    this.#grow(lengthOfAll(message.parts));
  }

  /** A piece of a text, which goes on with what was said last where that is of the same kind. */
  piece(direction: SaidMessage["direction"], role: string, part: SaidPart & { type: "text" | "reasoning" }): void {
    const message = this.#messages.at(-1);
    if (message?.direction !== direction || message.role !== role) {
      this.add({ direction, role, parts: [{ ...part }] });
      return;
    }
    const last = message.parts.at(-1);
    if (last?.type === part.type) last.content += part.content;
    else message.parts.push({ ...part });
    this.#grow(part.content.length);
  }

  /** The whole answer, in place of the pieces that it came in. */
  answer(messages: readonly SaidMessage[]): void {
    this.#messages = this.#messages.filter(({ direction }) => direction === "in");
    for (const message of messages) this.add(message);
  }

  /** What is kept of it, its beginning cut off where it is too long. */
  whole(): { readonly messages: readonly SaidMessage[]; readonly length: number; readonly isCut: boolean } {
    this.#cut();
    return { messages: this.#messages, length: this.#length, isCut: this.#isCut };
  }

  #grow(length: number): void {
    this.#length += length;
    if (this.#length > 2 * maxLength) this.#cut();
  }

  #cut(): void {
    this.#length = this.#messages.reduce((sum, { parts }) => sum + lengthOfAll(parts), 0);
    if (this.#length <= maxLength) return;
    this.#isCut = true;
    this.#messages = endOf(this.#messages, maxLength);
    this.#length = maxLength;
  }
}

/** The last messages that there is room for. */
function endOf(messages: readonly SaidMessage[], room: number): SaidMessage[] {
  const kept: SaidMessage[] = [];
  for (const message of messages.toReversed()) {
    const parts = endOfParts(message.parts, room);
    if (parts.length > 0) kept.unshift({ ...message, parts });
    room -= lengthOfAll(message.parts);
    if (room <= 0) break;
  }
  return kept;
}

/** The last parts that there is room for; a text that is too long loses its beginning. */
function endOfParts(parts: readonly SaidPart[], room: number): SaidPart[] {
  const kept: SaidPart[] = [];
  for (const part of parts.toReversed()) {
    if (room <= 0) break;
    const fits = lengthOf(part) <= room;
    if (fits) kept.unshift(part);
    else if (part.type === "text" || part.type === "reasoning")
      kept.unshift({ ...part, content: part.content.slice(-room) });
    room -= lengthOf(part);
  }
  return kept;
}

function lengthOfAll(parts: readonly SaidPart[]): number {
  return parts.reduce((sum, part) => sum + lengthOf(part), 0);
}

function lengthOf(part: SaidPart): number {
  switch (part.type) {
    case "text":
    case "reasoning":
      return part.content.length;
    case "blob":
      return part.mime_type.length;
    case "tool_call":
      return part.id.length + part.name.length + part.arguments.length;
    case "tool_call_response":
      return part.id.length + part.name.length + part.response.length;
    default:
      return part satisfies never;
  }
}
