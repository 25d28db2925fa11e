import type {
  Message,
  RawContentBlockDelta,
  RawContentBlockDeltaEvent,
  RawContentBlockStartEvent,
  RawMessageDeltaEvent,
  RawMessageStartEvent,
  RawMessageStreamEvent,
} from "@anthropic-ai/sdk/resources/messages";
import type { ChatEvent } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ServerSentEvent } from "../../core/upstream.ts";
import type { Batched } from "../../streams/batches.ts";
import { converted } from "../../streams/converted.ts";
import { brokenStream, unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { parseJson } from "../openai-compatible/chat-wire.ts";
import { object, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { streamError } from "./error.ts";
import {
  addCitation,
  finishBlock,
  finishOpenBlocks,
  type MessagesAnswer,
  setBlockFields,
  startBlock,
  startMessage,
  takeEvents,
  updateMessage,
  writeBlock,
} from "./messages-answer.ts";

/**
 * Reads one streamed message into an answer. It ends with `message_stop`; a body that ends with anything else is
 * `stream_broken`. What is left to say once the turn is over, `finishAnswer` says.
 */
export function readMessageEvents(events: AsyncIterable<ServerSentEvent>, answer: MessagesAnswer): Batched<ChatEvent> {
  return converted(events, {
    read: (batch) => batch.some(({ data }) => readEvent(answer, parseJson(data))),
    end(failure) {
      throw failure ? failure.error : brokenStream("message_stop");
    },
    take: () => takeEvents(answer),
  });
}

/** Reads one unary message into an answer: the events that the stream would have given. */
export function readMessage(value: unknown, answer: MessagesAnswer): void {
  if (!isJsonObject(value)) throw unreadableAnswer("an answer that is not a JSON object");
  if (value.type === "error") throw streamError(object(value.error));
  const message = value as Unchecked<Message>;
  if (text(message.stop_reason) === "") throw unreadableAnswer("an answer without a stop_reason");
  startMessage(answer, value);
  for (const [index, block] of objects(message.content).entries()) {
    startBlock(answer, index, block);
    finishBlock(answer, index);
  }
  updateMessage(answer, value, message.usage);
}

/** The fields of the events we read. Every one of them has a `type` that tells which are there. */
type AnyEvent = Unchecked<RawMessageStartEvent> &
  Unchecked<RawContentBlockStartEvent> &
  Unchecked<RawContentBlockDeltaEvent> &
  Unchecked<RawMessageDeltaEvent>;

/** Reads one event; true when it was the last. */
function readEvent(answer: MessagesAnswer, value: JsonObject): boolean {
  const event = value as AnyEvent;
  const index = typeof event.index === "number" ? event.index : 0;
  switch (value.type as RawMessageStreamEvent["type"] | "error") {
    case "message_start":
      startMessage(answer, object(event.message));
      return false;
    case "content_block_start":
      startBlock(answer, index, object(event.content_block));
      return false;
    case "content_block_delta":
      readDelta(answer, index, object(event.delta));
      return false;
    case "content_block_stop":
      finishBlock(answer, index);
      return false;
    case "message_delta":
      updateMessage(answer, object(event.delta), event.usage);
      return false;
    case "message_stop":
      if (answer.stopReason === "") throw brokenStream("a stop_reason");
      finishOpenBlocks(answer);
      return true;
    case "error":
      throw streamError(object(value.error));
    default:
      return false;
  }
}

function readDelta(answer: MessagesAnswer, index: number, delta: JsonObject): void {
  const { type, ...fields } = delta;
  switch (type as RawContentBlockDelta["type"]) {
    case "text_delta":
      writeBlock(answer, index, text(delta.text));
      break;
    case "thinking_delta":
      writeBlock(answer, index, text(delta.thinking));
      break;
    case "input_json_delta":
      writeBlock(answer, index, text(delta.partial_json));
      break;
    case "citations_delta":
      addCitation(answer, index, object(delta.citation));
      break;
    default:
      // A signature comes whole, and so does what the newer kinds of blocks have.
      setBlockFields(answer, index, fields);
  }
}
