import type { RunStreamResponse } from "../../../gen/livellm/v1/agent_service_pb.ts";
import { asciiJson } from "../json-text.ts";
import type { Framing } from "../respond.ts";

/** A piece of an answer and the model that writes it. */
export interface ChatPiece {
  readonly content: string;
  readonly model: string;
}

/** The pieces of text of a run. The end is passed on as no more pieces. */
export async function* piecesOf(events: AsyncIterable<RunStreamResponse>): AsyncGenerator<ChatPiece> {
  let model = "";
  for await (const { event } of events) {
    if (event.case === "started" || event.case === "stepStarted") model = event.value.routeResult?.model || model;
    if (event.case === "textDelta" && event.value.text !== "") yield { content: event.value.text, model };
  }
}

/**
 * This system's events, byte for byte as Python's `json.dumps` writes them; one id for the whole answer. `[DONE]` is the end; a
 * failure before it is an event of its own, and then there is no `[DONE]`.
 */
export function chatFraming(id: string, explain: (error: unknown) => string, http1: boolean): Framing<ChatPiece> {
  return {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...(http1 && { connection: "keep-alive" }),
    },
    item: ({ content, model }) =>
      `data: {"id": ${asciiJson(id)}, "delta": {"content": ${asciiJson(content)}, "model": ${asciiJson(model)}}}\n\n`,
    end: "data: [DONE]\n\n",
    failure: (error) => `data: {"error": ${asciiJson(explain(error))}}\n\n`,
  };
}
