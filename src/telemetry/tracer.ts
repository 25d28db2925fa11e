import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";

/** A span that is under way, and what is below it. */
export interface OpenSpan {
  readonly span: Span;
  readonly context: Context;
}

/** A span to be begun. */
export interface SpanStart {
  readonly name: string;
  readonly kind: "server" | "client" | "internal";
  readonly attributes: Attributes;
}

/** Begins spans, each under the one that it is told; nothing is found out from where code happens to run. */
export interface SpanSource {
  /** Under what a caller's `traceparent` says. */
  root(headers: Headers, start: SpanStart): OpenSpan;
  child(parent: OpenSpan, start: SpanStart): OpenSpan;
  /** Does work whose requests to others belong to a span. */
  within<T>(span: OpenSpan, work: () => T): T;
  /** The `traceparent` of a request that is made now; none outside `within`. */
  outgoingHeaders(): Readonly<Record<string, string>>;
}

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

/**
 * What goes out is found through the asynchronous context, because adapters do not know of spans. `tracestate` stays here:
 * it is what other systems of the caller's have to say to each other.
 */
export function createSpanSource(tracer: Tracer): SpanSource {
  const propagator = new W3CTraceContextPropagator();
  const current = new AsyncLocalStorage<OpenSpan>();
  const begin = (parent: Context, { name, kind, attributes }: SpanStart): OpenSpan => {
    const span = tracer.startSpan(name, { kind: kinds[kind], attributes }, parent);
    return { span, context: trace.setSpan(parent, span) };
  };
  return {
    root: (headers, start) => begin(propagator.extract(ROOT_CONTEXT, headers, headersGetter), start),
    child: (parent, start) => begin(parent.context, start),
    within: (span, work) => current.run(span, work),
    outgoingHeaders(): Readonly<Record<string, string>> {
      const found = current.getStore();
      return found ? { traceparent: traceParentOf(found) } : {};
    },
  };
}

const headersGetter = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
};

/** W3C Trace Context, section 3.2. */
function traceParentOf({ span }: OpenSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
