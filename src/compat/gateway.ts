import { create, type DescMethod, type Message, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { LivellmError } from "../core/error.ts";

/** In which framing the gateway is told that a call came. */
type Face = "json" | "sse" | "ndjson" | "websocket";

/** Who makes a call, and how it came. */
export interface Caller {
  readonly requestId: string;
  readonly remoteAddress: string;
  readonly face: Face;
  readonly httpMethod: string;
  readonly url: string;
  readonly headers: Headers;
  /** Aborted, with the reason, when the caller goes away. */
  readonly signal: AbortSignal;
  /** The caller's deadline, from now. */
  readonly timeoutMs?: number;
}

interface CallStart {
  readonly origin: { readonly requestId: string; readonly remoteAddress: string; readonly face: Face };
  readonly httpMethod: string;
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

interface Call {
  answers(requests: AsyncIterable<Message>): AsyncGenerator<Message>;
  end(): void;
}

interface CallableMethod {
  start(start: CallStart): Call;
}

/** Finds the methods of the contract; the transport's dispatcher is one. */
export interface Dispatcher {
  find(path: string): CallableMethod | undefined;
}

/** Turns anything thrown into the status of a call; the one that every other face uses. */
export type ExplainError = (error: unknown, requestId: string, signal?: AbortSignal) => ConnectError;

/** Calls the contract's methods as the surfaces do: through the same handlers and interceptors as every other face. */
export interface Gateway {
  unary<M extends DescMethod>(
    method: M,
    request: MessageInitShape<M["input"]>,
    caller: Caller,
  ): Promise<MessageShape<M["output"]>>;
  /** To be read to its end, or returned from: that ends the call. */
  stream<M extends DescMethod>(
    method: M,
    requests: AsyncIterable<MessageInitShape<M["input"]>> | Iterable<MessageInitShape<M["input"]>>,
    caller: Caller,
  ): AsyncGenerator<MessageShape<M["output"]>>;
}

export function createGateway(dispatcher: Dispatcher): Gateway {
  const stream: Gateway["stream"] = async function* (method, requests, caller) {
    const call = startCall(dispatcher, method, caller);
    const answers = call.answers(messagesOf(method, requests));
    try {
      for (let next = await answers.next(); !next.done; next = await answers.next()) {
        yield next.value as MessageShape<(typeof method)["output"]>;
      }
    } finally {
      // First the signal, then return(): a generator's return() waits for what it is waiting for.
      call.end();
      await answers.return(undefined).catch(() => undefined);
    }
  };
  return {
    stream,
    async unary(method, request, caller) {
      let answer: MessageShape<(typeof method)["output"]> | undefined;
      for await (const message of stream(method, [request], caller)) answer = message;
      if (answer === undefined) throw new LivellmError("internal", "internal", `${method.name} gave no answer`);
      return answer;
    },
  };
}

function startCall(dispatcher: Dispatcher, method: DescMethod, caller: Caller): Call {
  const path = `/${method.parent.typeName}/${method.name}`;
  const callable = dispatcher.find(path);
  if (!callable) throw new LivellmError("unimplemented", "unsupported", `this server does not serve ${method.name}`);
  const { requestId, remoteAddress, face, httpMethod, url, headers, signal, timeoutMs } = caller;
  return callable.start({
    origin: { requestId, remoteAddress, face },
    httpMethod,
    url,
    headers,
    signal,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
}

async function* messagesOf<M extends DescMethod>(
  method: M,
  requests: AsyncIterable<MessageInitShape<M["input"]>> | Iterable<MessageInitShape<M["input"]>>,
): AsyncGenerator<Message> {
  for await (const request of requests) yield create(method.input, request);
}
