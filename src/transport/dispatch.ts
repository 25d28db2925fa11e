import { create, type DescMessage, type DescMethod, type Message, type MessageShape } from "@bufbuild/protobuf";
import {
  type ContextKey,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type Interceptor,
  type MethodImplSpec,
} from "@connectrpc/connect";
import { LivellmError } from "../core/error.ts";
import { mapped } from "../streams/mapped.ts";
import { type CallContext, createCallContext } from "./call-context.ts";
import { type CallOrigin, callOriginKey } from "./call-origin.ts";
import { methodsOf, type ServiceRoute } from "./service-route.ts";

/** What a face knows of a call when it begins. */
interface CallStart {
  readonly origin: CallOrigin;
  readonly httpMethod: string;
  readonly url: string;
  readonly headers: Headers;
  /** Aborted, with the reason, when the caller goes away; a face without one calls `end` itself. */
  readonly signal?: AbortSignal | undefined;
  /** The caller's deadline, from now. */
  readonly timeoutMs?: number | undefined;
}

/** A call in progress. */
export interface Call {
  readonly context: HandlerContext;
  /** Tells one listener when the call is aborted before its end: the deadline has passed, or the server waits no longer. */
  readonly onAbort: CallContext["onAbort"];
  /**
   * Runs the call: messages in, messages out, for unary and streaming methods alike. Nothing runs before the first answer
   * is asked for. Errors are thrown as the interceptors leave them.
   */
  answers(requests: AsyncIterable<Message>): AsyncGenerator<Message>;
  /**
   * The same, as the interceptors see it: a unary method takes its message, every other one the stream of them. What comes
   * back has the header, known now, and the trailer, known at its end.
   */
  respond(request: Message | AsyncIterable<Message>): Promise<InterceptedResponse>;
  /** Frees the deadline's timer and aborts what still listens. To be called at the end, however it came. */
  end(reason?: unknown): void;
}

/** A method that can be called. */
export interface CallableMethod {
  readonly desc: DescMethod;
  start(start: CallStart): Call;
}

/** Finds methods by the path of their RPC, such as `/livellm.v1.AgentService/Run`. */
export interface Dispatcher {
  find(path: string): CallableMethod | undefined;
  /** Ends the calls in progress, for this reason. */
  endCalls(reason: LivellmError): void;
}

/** Next in an interceptor chain; Connect does not export the type. */
type Invoke = Parameters<Interceptor>[0];
type InterceptedRequest = Parameters<Invoke>[0];
type InterceptedResponse = Awaited<ReturnType<Invoke>>;
export type UnaryAnswer = Extract<InterceptedResponse, { readonly stream: false }>;
export type StreamAnswer = Extract<InterceptedResponse, { readonly stream: true }>;

/** Aborting without a reason builds a DOMException each time: 9 % of a unary call when it was profiled. */
const over = new Error("the call is over");

/**
 * Calls the services for the faces that are our own (plain JSON, SSE, NDJSON, WebSocket), through the same interceptors as
 * Connect's adapter does for gRPC, gRPC-Web and Connect.
 */
export function createDispatcher(routes: readonly ServiceRoute[], interceptors: readonly Interceptor[]): Dispatcher {
  const inProgress = new Set<CallContext>();
  const methods = new Map(
    methodsOf(routes).map((spec) => [pathOfMethod(spec.method), createCallableMethod(spec, interceptors, inProgress)]),
  );
  return {
    find: (path) => methods.get(path),
    endCalls(reason) {
      for (const call of inProgress) call.abort(reason);
    },
  };
}

function pathOfMethod(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** The chain is made once for a method, not for each call; it finds its call by `contextKey`. */
function createCallableMethod(
  spec: MethodImplSpec,
  interceptors: readonly Interceptor[],
  inProgress: Set<CallContext>,
): CallableMethod {
  const chain = interceptors.reduceRight<Invoke>((next, interceptor) => interceptor(next), invocation(spec));
  return {
    desc: spec.method,
    start(start) {
      const context = createContext(spec.method, start);
      inProgress.add(context);
      const respond = (request: Message | AsyncIterable<Message>) => chain(intercepted(spec, context, request));
      return {
        context,
        onAbort: context.onAbort,
        respond,
        answers: (requests) => answers(spec, context, respond, requests),
        end(reason = over) {
          inProgress.delete(context);
          context.end(reason);
        },
      };
    },
  };
}

function createContext(method: DescMethod, start: CallStart): CallContext {
  const values = createContextValues().set(callOriginKey, start.origin);
  const context = createCallContext({
    method,
    values,
    protocolName: start.origin.face,
    requestMethod: start.httpMethod,
    url: start.url,
    requestHeader: start.headers,
    requestSignal: start.signal,
    timeoutMs: start.timeoutMs,
  });
  values.set(contextKey, context);
  return context;
}

/** Where the innermost step of a chain finds the call that it is in. */
const contextKey: ContextKey<HandlerContext | undefined> = createContextKey<HandlerContext | undefined>(undefined, {
  description: "the call",
});

async function* answers(
  spec: MethodImplSpec,
  context: HandlerContext,
  respond: Call["respond"],
  requests: AsyncIterable<Message>,
): AsyncGenerator<Message> {
  const response = await respond(spec.kind === "unary" ? await onlyMessage(requests, spec.method) : requests);
  copyMetadata(response.header, context.responseHeader);
  if (response.stream) yield* response.message;
  else yield response.message;
  copyMetadata(response.trailer, context.responseTrailer);
}

/** The request as interceptors see it. */
function intercepted(
  { kind, method }: MethodImplSpec,
  context: HandlerContext,
  message: Message | AsyncIterable<Message>,
): InterceptedRequest {
  const { requestMethod, url, signal, requestHeader: header, values: contextValues } = context;
  const service = method.parent;
  const common = { service, requestMethod, url, signal, header, contextValues };
  return kind === "unary"
    ? { ...common, method, stream: false, message: message as Message }
    : { ...common, method, stream: true, message: message as AsyncIterable<Message> };
}

/** The innermost step: the implementation itself. */
function invocation(spec: MethodImplSpec): Invoke {
  return async (request): Promise<InterceptedResponse> => {
    const handler = contextFor(request);
    const { responseHeader: header, responseTrailer: trailer } = handler;
    const { method } = spec;
    const service = method.parent;
    switch (spec.kind) {
      case "unary": {
        const input = request.stream ? await onlyMessage(request.message, method) : request.message;
        const message = create(method.output, await spec.impl(input, handler));
        return { service, method: spec.method, message, header, trailer, stream: false };
      }
      case "server_streaming": {
        const output = spec.impl(await onlyMessage(messagesOf(request), method), handler);
        const message = complete(method.output, output);
        return { service, method: spec.method, message, header, trailer, stream: true };
      }
      case "client_streaming": {
        const output = create(method.output, await spec.impl(messagesOf(request), handler));
        return { service, method: spec.method, message: one(output), header, trailer, stream: true };
      }
      case "bidi_streaming": {
        const message = complete(method.output, spec.impl(messagesOf(request), handler));
        return { service, method: spec.method, message, header, trailer, stream: true };
      }
    }
  };
}

/** What interceptors changed in the request, a handler sees in its context. */
function contextFor(request: InterceptedRequest): HandlerContext {
  const context = request.contextValues.get(contextKey);
  if (context === undefined) throw new Error("a call without its context");
  const { header, signal, contextValues } = request;
  const isSame = header === context.requestHeader && signal === context.signal && contextValues === context.values;
  return isSame ? context : { ...context, requestHeader: header, signal, values: contextValues };
}

function messagesOf(request: InterceptedRequest): AsyncIterable<Message> {
  return request.stream ? request.message : one(request.message);
}

async function* one<T>(value: T): AsyncGenerator<T> {
  yield value;
}

/** Services yield plain objects; a face writes messages. */
function complete<O extends DescMessage>(
  output: O,
  messages: AsyncIterable<Parameters<typeof create<O>>[1]>,
): AsyncIterable<MessageShape<O>> {
  return mapped(messages, (message) => create(output, message));
}

async function onlyMessage(requests: AsyncIterable<Message>, method: DescMethod): Promise<Message> {
  const received: Message[] = [];
  for await (const request of requests) {
    received.push(request);
    if (received.length > 1) break;
  }
  const [first] = received;
  if (first !== undefined && received.length === 1) return first;
  const count = received.length === 0 ? "none" : "more";
  throw new LivellmError(
    "unimplemented",
    "unsupported",
    `${method.name} takes one request message; there was ${count}`,
  );
}

function copyMetadata(from: Headers, to: Headers): void {
  if (from === to) return;
  for (const name of [...to.keys()]) to.delete(name);
  for (const [name, value] of from) to.append(name, value);
}
