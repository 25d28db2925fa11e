import { type Attributes, SpanStatusCode } from "@opentelemetry/api";
import type { Capability } from "../core/provider.ts";
import { attribute, ownAttribute, rpcSystemOf } from "./attributes.ts";
import type { CallEnd } from "./call-meters.ts";
import type { RouteObservation, TriedTarget } from "./observation.ts";
import type { BeginningCall, CallerFacts, ObservedCall } from "./observed-call.ts";
import { TracedRoute } from "./traced-route.ts";
import type { TracedScope } from "./traced-scope.ts";
import type { OpenSpan } from "./tracer.ts";

/** One call with a span, beside what is counted of it. */
export class TracedCall implements ObservedCall {
  readonly traceId: string | undefined;
  readonly #counted: ObservedCall;
  readonly #call: BeginningCall;
  readonly #span: OpenSpan;
  readonly #options: TracedCallOptions;

  constructor(counted: ObservedCall, call: BeginningCall, options: TracedCallOptions) {
    this.#counted = counted;
    this.#call = call;
    this.#options = options;
    const { rpc, face, headers } = call;
    const attributes = {
      [attribute.rpcSystem]: rpcSystemOf(face),
      [attribute.rpcMethod]: rpc,
      [ownAttribute.face]: face,
    };
    this.#span = options.spans.root(headers, { name: rpc, kind: "server", attributes });
    const { span } = this.#span;
    this.traceId = span.isRecording() ? span.spanContext().traceId : undefined;
  }

  get tried(): readonly TriedTarget[] {
    return this.#counted.tried;
  }

  route(capability: Capability): RouteObservation {
    const counted = this.#counted.route(capability);
    const { streams } = this.#call;
    return new TracedRoute({ ...this.#options, counted, capability, streams, parent: this.#span });
  }

  firstMessage(): void {
    this.#counted.firstMessage();
  }

  ended(end: CallEnd): void {
    this.#counted.ended(end);
    const { span } = this.#span;
    if (span.isRecording()) {
      span.setAttributes({ ...endAttributes(end), ...callerAttributes(this.#call.caller()) });
      if (serverFaults.has(end.code)) span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  }
}

/** What is the same for every call. */
export type TracedCallOptions = Pick<TracedScope, "spans" | "captureContent" | "providerNames">;

/** What is the caller's own doing is no error of a server's span (semantic conventions for RPC). */
const serverFaults: ReadonlySet<string> = new Set([
  "unknown",
  "deadline_exceeded",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
]);

function endAttributes({ code, reason }: CallEnd): Attributes {
  return { [attribute.rpcStatus]: code, ...(reason && { [attribute.errorType]: reason }) };
}

function callerAttributes(caller: CallerFacts): Attributes {
  const given = {
    [ownAttribute.requestId]: caller.requestId,
    [ownAttribute.app]: caller.app,
    [ownAttribute.clientId]: caller.clientId,
    [ownAttribute.device]: caller.device,
    [ownAttribute.tokenId]: caller.tokenId,
    [attribute.userId]: caller.userId,
    [attribute.sessionId]: caller.sessionId,
    [attribute.conversationId]: caller.sessionId,
    ...Object.fromEntries(
      Object.entries(caller.labels).map(([name, value]) => [`${ownAttribute.label}${name}`, value]),
    ),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
}
