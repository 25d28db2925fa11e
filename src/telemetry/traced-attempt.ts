import { type Attributes, type Span, SpanStatusCode } from "@opentelemetry/api";
import type { Usage } from "../core/usage.ts";
import { batched, inBatches } from "../streams/batches.ts";
import { attribute, operations, outputTypes, ownAttribute } from "./attributes.ts";
import type { AttemptEnd, AttemptObservation, ObservedTarget } from "./observation.ts";
import { type OutputReader, readOutputs } from "./output-reader.ts";
import { inputContent } from "./span-content.ts";
import type { TracedScope } from "./traced-scope.ts";
import type { OpenSpan, SpanSource } from "./tracer.ts";

/** Begins the span of one target being called. */
export function beginAttempt(scope: TracedScope, target: ObservedTarget, isFallback: boolean): AttemptObservation {
  const { capability, spans, parent, providerNames, streams, asked } = scope;
  const captureContent = scope.captureContent && capability === "chat";
  const operation = operations[capability];
  const attributes = {
    [attribute.operation]: operation,
    [attribute.provider]: providerNames.get(target.kind) ?? target.kind,
    [attribute.requestModel]: target.model,
    [attribute.requestStream]: streams,
    [ownAttribute.providerId]: target.provider || "inline",
    ...(outputTypes[capability] && { [attribute.outputType]: outputTypes[capability] }),
    ...(isFallback && { [ownAttribute.isFallback]: true }),
  };
  const open = spans.child(parent, { name: `${operation} ${target.model}`, kind: "client", attributes });
  if (captureContent && asked && open.span.isRecording()) open.span.setAttributes(inputContent(asked()));
  return new TracedAttempt(scope.counted.attempt(target, isFallback), open, { spans, streams, captureContent });
}

interface AttemptOptions {
  readonly spans: SpanSource;
  readonly streams: boolean;
  readonly captureContent: boolean;
}

class TracedAttempt implements AttemptObservation {
  readonly #counted: AttemptObservation;
  readonly #open: OpenSpan;
  readonly #spans: SpanSource;
  readonly #streams: boolean;
  readonly #reader: OutputReader | undefined;

  constructor(counted: AttemptObservation, open: OpenSpan, { spans, streams, captureContent }: AttemptOptions) {
    this.#counted = counted;
    this.#open = open;
    this.#spans = spans;
    this.#streams = streams;
    this.#reader = open.span.isRecording() ? readOutputs(captureContent) : undefined;
  }

  open<T>(open: () => AsyncIterable<T>): AsyncIterable<T> {
    const opened = this.#spans.within(this.#open, () => inBatches(this.#counted.open(open))[Symbol.asyncIterator]());
    const iterator: AsyncIterator<readonly T[]> = {
      next: async () => {
        const result = await this.#spans.within(this.#open, () => opened.next());
        for (const output of result.done ? [] : result.value) this.#reader?.see(output);
        return result;
      },
      return: async () => (await opened.return?.()) ?? { done: true, value: undefined },
    };
    return batched({ [Symbol.asyncIterator]: () => iterator });
  }

  ended(end: AttemptEnd): void {
    this.#counted.ended(end);
    const { span } = this.#open;
    if (span.isRecording()) this.#tell(span, end);
    span.end();
  }

  #tell(span: Span, { outcome, error, firstOutputMs, usage }: AttemptEnd): void {
    span.setAttributes({
      [ownAttribute.outcome]: outcome,
      ...(firstOutputMs !== undefined && this.#streams && { [attribute.timeToFirstChunk]: firstOutputMs / 1000 }),
      ...(usage && usageAttributes(usage)),
      ...this.#reader?.attributes(),
    });
    if (outcome === "answered") return;
    span.setAttribute(attribute.errorType, error?.reason ?? outcome);
    if (error?.facts.httpStatus) span.setAttribute(attribute.httpStatus, error.facts.httpStatus);
    if (outcome !== "cancelled") span.setStatus({ code: SpanStatusCode.ERROR });
  }
}

function usageAttributes(usage: Usage): Attributes {
  const seconds = (milliseconds: number | undefined) => (milliseconds === undefined ? undefined : milliseconds / 1000);
  return {
    [attribute.inputTokens]: usage.inputTokens,
    [attribute.outputTokens]: usage.outputTokens,
    [attribute.cacheReadTokens]: usage.cachedInputTokens,
    [attribute.cacheCreationTokens]: usage.cacheWriteTokens,
    [attribute.reasoningTokens]: usage.reasoningTokens,
    [ownAttribute.costUsd]: usage.costUsd,
    [ownAttribute.audioInputSeconds]: seconds(usage.inputAudioMs),
    [ownAttribute.audioOutputSeconds]: seconds(usage.outputAudioMs),
  };
}
