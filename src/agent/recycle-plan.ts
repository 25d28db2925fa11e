import type { ChatRequest, Message, Part } from "../core/chat.ts";
import { LivellmError } from "../core/error.ts";
import { boundaryBefore, cutMiddle, splitText } from "./text-cut.ts";
import type { TokenCounter } from "./tokens.ts";

/** How a message that is too long is worked through. */
export interface RecyclePlan {
  readonly chunkCount: number;
  /** The user's message for one chunk, with the answer that the chunks before have come to. */
  message(chunk: number, answer: string): Message;
}

/** More model calls than this for one message are not made. */
const maxChunks = 100;

/** Parts of the room that are kept for the answer so far, and for the words around a chunk. */
const answerShare = 1 / 3;
const frameTokens = 120;
/** Of the beginning and the end of the message, either of which may hold the question. */
const excerptTokens = 120;

/**
 * Plans how to work through a user's message in chunks of what is left of `room` tokens. Its longest text is taken apart;
 * its other parts go with every chunk. Undefined when it has no text that is long enough to help. Throws
 * `context_too_long` when it would take too many calls.
 */
export function planRecycling(message: Message, room: number, counter: TokenCounter): RecyclePlan | undefined {
  const longest = longestText(message, counter);
  if (longest === undefined) return undefined;
  const { index, text } = longest;
  const others = counter.message(message) - counter.text(text);
  const answerTokens = Math.floor((room - others) * answerShare);
  const chunkTokens = room - others - answerTokens - frameTokens - 2 * excerptTokens;
  if (chunkTokens < excerptTokens) return undefined;
  const chunks = splitText(text, chunkTokens, counter.text);
  if (chunks.length === 1) return undefined;
  if (chunks.length > maxChunks) throw tooManyCalls(chunks.length);
  const frame = { chunks, first: beginningOf(text, counter), last: endOf(text, counter) };
  return {
    chunkCount: chunks.length,
    message: (chunk, answer) => {
      const soFar = cutMiddle(answer, answerTokens, counter.text).text;
      return { ...message, parts: message.parts.with(index, { type: "text", text: promptFor(frame, chunk, soFar) }) };
    },
  };
}

function longestText({ parts }: Message, counter: TokenCounter): { index: number; text: string } | undefined {
  const texts = parts.flatMap((part: Part, index) => (part.type === "text" ? [{ index, text: part.text }] : []));
  return texts.sort((a, b) => counter.text(b.text) - counter.text(a.text))[0];
}

interface Frame {
  readonly chunks: readonly string[];
  readonly first: string;
  readonly last: string;
}

function promptFor({ chunks, first, last }: Frame, chunk: number, answer: string): string {
  const isLast = chunk === chunks.length - 1;
  const lines = [
    `This is part ${chunk + 1} of ${chunks.length} of one long message, which you work through part by part.`,
    ...(chunk > 0 ? [`The message begins: ${first}`] : []),
    ...(isLast ? [] : [`The message ends: ${last}`]),
    ...(answer === "" ? [] : [`Your answer so far, from the parts before:\n${answer}`]),
    isLast
      ? "Now that this is the last part, give your whole answer to the message."
      : "Give your answer so far to the message again, with what this part adds to it.",
    `Part ${chunk + 1}:\n${chunks[chunk] ?? ""}`,
  ];
  return lines.join("\n\n");
}

function beginningOf(text: string, counter: TokenCounter): string {
  let length = boundaryBefore(text, excerptTokens * 4);
  while (length > 0 && counter.text(text.slice(0, length)) > excerptTokens)
    length = boundaryBefore(text, Math.floor(length / 2));
  return `${text.slice(0, length)} …`;
}

function endOf(text: string, counter: TokenCounter): string {
  let length = excerptTokens * 4;
  const from = () => boundaryBefore(text, text.length - length);
  while (length > 1 && counter.text(text.slice(from())) > excerptTokens) length = Math.floor(length / 2);
  return `… ${text.slice(from())}`;
}

/** For a chunk that is not the last: the answer is a step on the way, so that no tool is called for it. */
export function withoutTools(request: ChatRequest): ChatRequest {
  return { ...request, tools: [], toolChoice: undefined, parallelToolCalls: undefined };
}

function tooManyCalls(chunks: number): LivellmError {
  const message = `working through the last user message takes ${chunks} model calls; at most ${maxChunks} are made`;
  return new LivellmError("invalid_argument", "context_too_long", message);
}
