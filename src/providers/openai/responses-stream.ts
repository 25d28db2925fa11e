import type {
  Response,
  ResponseCompletedEvent,
  ResponseOutputItemDoneEvent,
  ResponseOutputTextAnnotationAddedEvent,
  ResponseStreamEvent,
  ResponseTextDeltaEvent,
} from "openai/resources/responses/responses";
import type { ChatEvent } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ServerSentEvent } from "../../core/upstream.ts";
import type { Batched } from "../../streams/batches.ts";
import { converted } from "../../streams/converted.ts";
import type { AnswerContext } from "../openai-compatible/answer-context.ts";
import { brokenStream, unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { parseJson } from "../openai-compatible/chat-wire.ts";
import { errorOf, streamError } from "../openai-compatible/error.ts";
import { toFinishReason } from "../openai-compatible/finish-reason.ts";
import { object, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import {
  addCitation,
  begin,
  finishItem,
  finishOpenParts,
  itemKey,
  newResponsesAnswer,
  type ResponsesAnswer,
  separateSummary,
  startItem,
  takeEvents,
  writeArguments,
  writeText,
} from "./responses-answer.ts";
import { readResponsesUsage } from "./responses-usage.ts";

/**
 * Reads a stream of the Responses API. It ends with `response.completed`, `response.incomplete`, `response.failed` or
 * `error`; a body that ends with anything else is `stream_broken`.
 */
export function readResponsesEvents(
  events: AsyncIterable<ServerSentEvent>,
  context: AnswerContext,
): Batched<ChatEvent> {
  const answer = newResponsesAnswer(context);
  return converted(events, {
    read: (batch) => batch.some(({ data }) => data !== "[DONE]" && readEvent(answer, parseJson(data))),
    end(failure) {
      throw failure ? failure.error : brokenStream("response.completed", context.requestId);
    },
    take: () => takeEvents(answer),
  });
}

/** Reads a unary answer: the events that the stream would have given. */
export function readResponse(value: unknown, context: AnswerContext): readonly ChatEvent[] {
  if (!isJsonObject(value)) throw unreadableAnswer("an answer that is not a JSON object");
  const answer = newResponsesAnswer(context);
  finish(answer, value);
  return takeEvents(answer);
}

/** The fields of the events we read. Every one of them has a `type` that tells which are there. */
type AnyEvent = Unchecked<ResponseTextDeltaEvent> &
  Unchecked<ResponseOutputTextAnnotationAddedEvent> &
  Unchecked<ResponseOutputItemDoneEvent> &
  Unchecked<ResponseCompletedEvent>;

/** Reads one event; true when it was the last. */
function readEvent(answer: ResponsesAnswer, value: JsonObject): boolean {
  const event = value as AnyEvent;
  const index = typeof event.output_index === "number" ? event.output_index : 0;
  const item = itemKey(answer, index);
  const part = `${item}.${event.content_index ?? 0}`;
  const delta = text(event.delta);
  switch (value.type as ResponseStreamEvent["type"]) {
    case "response.created":
    case "response.queued":
    case "response.in_progress":
      begin(answer, object(event.response));
      return false;
    case "response.output_item.added":
      startItem(answer, object(event.item), index);
      return false;
    case "response.output_text.delta":
      writeText(answer, part, "text", delta);
      return false;
    case "response.output_text.annotation.added":
      addCitation(answer, part, object(event.annotation));
      return false;
    case "response.refusal.delta":
      answer.refused = true;
      writeText(answer, part, "text", delta);
      return false;
    case "response.reasoning_summary_part.added":
      separateSummary(answer, item);
      return false;
    case "response.reasoning_summary_text.delta":
    case "response.reasoning_text.delta":
      if (!answer.context.hideReasoning) writeText(answer, item, "reasoning", delta);
      return false;
    case "response.function_call_arguments.delta":
    case "response.mcp_call_arguments.delta":
      writeArguments(answer, item, delta);
      return false;
    case "response.output_item.done":
      finishItem(answer, object(event.item), index);
      return false;
    case "response.completed":
    case "response.incomplete":
    case "response.failed":
      finish(answer, object(event.response));
      return true;
    case "error":
      throw streamError(errorOf(value), answer.context.requestId);
    default:
      return false;
  }
}

/** Reads a complete response: what was not streamed of it, and how it ended. Throws when it failed. */
function finish(answer: ResponsesAnswer, value: JsonObject): void {
  const response = value as Unchecked<Response>;
  const status = text(response.status);
  const { requestId } = answer.context;
  if (isJsonObject(response.error)) throw streamError(response.error, requestId);
  if (status === "") throw unreadableAnswer("an answer that is none of the Responses API");
  if (status !== "completed" && status !== "incomplete") {
    throw streamError({ message: `the response is ${status}` }, requestId);
  }
  begin(answer, value);
  for (const [index, item] of objects(response.output).entries()) finishItem(answer, item, index);
  finishOpenParts(answer);
  const word = text(object(response.incomplete_details).reason) || status;
  answer.events.push({
    type: "finished",
    finishReason: toFinishReason(words.get(word) ?? word, answer),
    providerFinishReason: word,
    usage: readResponsesUsage(response.usage),
    metadata: metadataOf(value),
  });
}

/** The API's words in those of chat completions. */
const words = new Map([
  ["completed", "stop"],
  ["max_output_tokens", "length"],
]);

const metadataFields = ["id", "service_tier"] as const satisfies readonly (keyof Response)[];

function metadataOf(response: JsonObject): JsonObject {
  const said = metadataFields.filter((name) => typeof response[name] === "string");
  return Object.fromEntries(said.map((name) => [name, text(response[name])]));
}
