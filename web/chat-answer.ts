import { Code, ConnectError } from "@connectrpc/connect";
import { FinishReason, FinishReasonSchema } from "../gen/livellm/v1/agent_pb.ts";
import type { RunResponse, RunStreamResponse } from "../gen/livellm/v1/agent_service_pb.ts";
import type { Warning } from "../gen/livellm/v1/common_pb.ts";
import type { Part, ToolResult } from "../gen/livellm/v1/message_pb.ts";
import { describeAttempt, reportCall, wordOf } from "./call-report.ts";
import { element } from "./element.ts";

/** An answer on the page, written as it comes. */
export class ChatAnswer {
  readonly element = element("div", "turn", element("h3", "", "Model"));
  readonly #parts = new Map<number, HTMLElement>();
  readonly #began = performance.now();
  #firstMs: number | undefined;
  #warnings: readonly Warning[] = [];
  #finished: RunResponse | undefined;

  /** True until there is something that the model has said. */
  get isEmpty(): boolean {
    return this.#parts.size === 0;
  }

  /** Shows the events; resolves with the last. Throws when the stream fails, or ends without being finished. */
  async read(events: AsyncIterable<RunStreamResponse>): Promise<RunResponse> {
    for await (const { event } of events) this.#show(event);
    const finished = this.#finished;
    if (!finished) throw new ConnectError("the stream ended before the answer was finished", Code.DataLoss);
    this.element.append(
      ...notStopped(finished),
      reportCall({
        ...finished,
        warnings: [...this.#warnings, ...finished.warnings],
        firstMs: this.#firstMs,
        totalMs: performance.now() - this.#began,
      }),
    );
    return finished;
  }

  /** Ends the answer with what became of it. */
  fail(report: HTMLElement): void {
    this.element.append(report);
  }

  #show(event: RunStreamResponse["event"]): void {
    switch (event.case) {
      case "attemptFailed":
        this.element.append(element("p", "facts warning", describeAttempt(event.value)));
        return;
      case "started":
        this.#warnings = event.value.warnings;
        return;
      case "partStarted":
        this.#part(event.value.index, event.value.part);
        return;
      case "textDelta":
      case "reasoningDelta":
        this.#write(event.value.index, event.value.text, event.case === "reasoningDelta");
        return;
      case "toolCallDelta":
        this.#write(event.value.index, event.value.argumentsJson, false);
        return;
      case "partFinished":
        this.#replace(event.value.index, event.value.part);
        return;
      case "toolResult":
        this.element.append(showToolResult(event.value));
        return;
      case "finished":
        this.#finished = event.value;
        return;
      default: // steps, heartbeats, and what a later server may add
        return;
    }
  }

  #write(index: number, text: string, thought: boolean): void {
    this.#firstMs ??= performance.now() - this.#began;
    const part = this.#parts.get(index) ?? this.#place(index, element("p", thought ? "text thought" : "text"));
    part.append(text);
  }

  #part(index: number, part: Part | undefined): void {
    const { content } = part ?? {};
    if (content?.case === "toolCall") this.#place(index, element("pre", "", `${content.value.name} `));
    if (content?.case === "reasoning") this.#place(index, element("p", "text thought"));
  }

  #replace(index: number, part: Part | undefined): void {
    if (part?.content.case !== "media") return;
    const { source, mimeType } = part.content.value;
    if (source.case !== "data" || !mimeType.startsWith("image/")) return;
    const image = element("img", "");
    image.alt = "An image that the model has made";
    image.src = URL.createObjectURL(new Blob([source.value as Uint8Array<ArrayBuffer>], { type: mimeType }));
    this.#place(index, image);
  }

  #place<E extends HTMLElement>(index: number, part: E): E {
    this.#parts.set(index, part);
    this.element.append(part);
    return part;
  }
}

function showToolResult({ name, text, failed }: ToolResult): HTMLElement {
  return element("pre", "", `${name} ${failed ? "failed" : "returned"}: ${text}`);
}

/** An answer that was cut off says so. */
function notStopped({ finishReason, pendingToolCalls }: RunResponse): readonly HTMLElement[] {
  if (finishReason === FinishReason.STOP || finishReason === FinishReason.UNSPECIFIED) return [];
  const why = wordOf(FinishReasonSchema, finishReason);
  const calls = pendingToolCalls.map(({ name }) => name).join(", ");
  return [element("p", "facts warning", `Ended because of ${why}${calls ? `: ${calls}` : ""}.`)];
}
