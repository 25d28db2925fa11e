import { FinishReason } from "../../../gen/livellm/v1/agent_pb.ts";
import type { RunResponse, RunStreamResponse } from "../../../gen/livellm/v1/agent_service_pb.ts";
import type { Media } from "../../../gen/livellm/v1/message_pb.ts";
import type { Usage } from "../../../gen/livellm/v1/usage_pb.ts";
import type { Framing } from "../respond.ts";

/** An image of an answer. */
export interface CompletionImage {
  /** Base64. */
  readonly data: string;
  readonly mime_type: string;
}

/** What all pieces of one completion share. */
export interface CompletionHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** The model that was asked for. */
  readonly model: string;
}

/** An answer in whole. `images` is always a list, and there only when there are any. */
export function completionOf(
  head: CompletionHead,
  answer: { readonly text: string; readonly finishReason: FinishReason; readonly usage?: Usage | undefined },
  images: readonly CompletionImage[],
): object {
  const message = { role: "assistant", content: answer.text };
  return {
    ...head,
    object: "chat.completion",
    choices: [{ index: 0, message, finish_reason: reasonOf(answer.finishReason) }],
    usage: usageOf(answer.usage),
    ...(images.length > 0 && { images }),
  };
}

/** The images of a run. */
export function imagesIn({ messages }: RunResponse): readonly CompletionImage[] {
  const parts = messages.filter(({ role }) => role === "assistant").flatMap(({ parts: own }) => own);
  return parts.flatMap(({ content }) => (content.case === "media" ? [imageOf(content.value)] : []));
}

export function imageOf({ source, mimeType }: Media): CompletionImage {
  const data = source.case === "data" ? Buffer.from(source.value).toString("base64") : (source.value ?? "");
  return { data, mime_type: mimeType };
}

function usageOf(usage: Usage | undefined): object | null {
  if (usage?.inputTokens === undefined && usage?.outputTokens === undefined) return null;
  const [prompt, completion] = [usage.inputTokens ?? 0, usage.outputTokens ?? 0];
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

/** Why an answer ended, in OpenAI's words. */
export function reasonOf(reason: FinishReason): string {
  switch (reason) {
    case FinishReason.LENGTH:
    case FinishReason.MAX_STEPS:
      return "length";
    case FinishReason.TOOL_CALLS:
      return "tool_calls";
    case FinishReason.CONTENT_FILTER:
    case FinishReason.REFUSAL:
      return "content_filter";
    default:
      return "stop";
  }
}

/** The chunks of a stream, in the form that clients of OpenAI know. */
export async function* chunksOf(
  head: CompletionHead,
  events: AsyncIterable<RunStreamResponse>,
): AsyncGenerator<object> {
  const chunk = (delta: object, finish_reason: string | null = null, more: object = {}) => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason }],
    ...more,
  });
  for await (const { event } of events) {
    if (event.case === "started") yield chunk({ role: "assistant", content: "" });
    if (event.case === "textDelta") yield chunk({ content: event.value.text });
    if (event.case !== "finished") continue;
    const images = imagesIn(event.value);
    const more = { usage: usageOf(event.value.usage), ...(images.length > 0 && { images }) };
    yield chunk({}, reasonOf(event.value.finishReason), more);
  }
}

/** Events of a stream; a failure in the middle is an event, and then there is no `[DONE]`. */
export function completionFraming(explain: (error: unknown) => object): Framing<object> {
  const event = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
  return {
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no" },
    item: event,
    end: "data: [DONE]\n\n",
    failure: (error) => event({ error: explain(error) }),
  };
}
