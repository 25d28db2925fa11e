import type { DescMessage, Registry } from "@bufbuild/protobuf";
import {
  type ConnectRouterOptions,
  createConnectRouter,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Logger } from "pino";
import { orAborted } from "../streams/abortable.ts";
import { type CallOrigin, callOriginKey } from "./call-origin.ts";
import { dropEndlessTimeouts } from "./call-timeout.ts";
import { withExplainedStatus } from "./connect-statuses.ts";
import { type NodeRequest, type NodeResponse, pathOf } from "./node-http.ts";
import type { ExplainError } from "./refusal.ts";
import { methodsOf, type ServiceRoute } from "./service-route.ts";
import { decodeUtf8, parseStrictJson } from "./strict-json.ts";

export interface ConnectOptions {
  readonly routes: readonly ServiceRoute[];
  readonly interceptors: readonly Interceptor[];
  /** The largest message that is read, after decompression. */
  readonly maxMessageBytes: number;
  /** Throws when no new calls are taken; runs before the body of a call is read. */
  readonly gate: (context: HandlerContext) => void;
  /** Ends the calls in progress, for its reason. */
  readonly shutdown: AbortSignal;
  readonly explainError: ExplainError;
  readonly logger: Logger;
  /** Knows what an Any may hold, in JSON. The contract has none. */
  readonly registry?: Registry;
}

/** Serves one request, whose path is that of an RPC. */
export type ConnectHandler = (request: NodeRequest, response: NodeResponse, origin: CallOrigin) => void;

/**
 * gRPC, gRPC-Web and Connect. It is connect-node's own adapter without its `console.error`, and without its habit of
 * throwing at a request whose authority is not one.
 */
export function createConnectHandler(options: ConnectOptions): ConnectHandler {
  const handlers = new Map(createHandlers(options).map((handler) => [handler.requestPath, handler]));
  return (request, response, origin) => {
    const handler = handlers.get(pathOf(request));
    if (handler === undefined) throw new Error(`no RPC at ${pathOf(request)}`);
    dropEndlessTimeouts(request);
    const call = { handler, request, response, origin, options };
    serve(call).catch((error: unknown) => {
      // The status of a call is sent by its protocol; what arrives here is a response that could not be written.
      options.logger.debug({ err: error, rpc: handler.requestPath, requestId: origin.requestId }, "response not sent");
      response.destroy?.();
    });
  };
}

interface ConnectCall {
  readonly handler: UniversalHandler;
  readonly request: NodeRequest;
  readonly response: NodeResponse;
  readonly origin: CallOrigin;
  readonly options: ConnectOptions;
}

async function serve(call: ConnectCall): Promise<void> {
  const { handler, request, response, origin, options } = call;
  const values = createContextValues().set(callOriginKey, origin);
  const incoming = universalRequestFromNodeRequest(request, response, undefined, values);
  const answer = await handler({ ...incoming, body: bodyOf(call) });
  const explained = await withExplainedStatus(answer, (error) => {
    // No interceptor has logged it.
    const code = codeToString(error.code);
    options.logger.warn({ rpc: rpcOf(handler), code, ...origin }, "rpc refused");
    return options.explainError(error, origin.requestId);
  });
  await universalResponseToNodeResponse(withPlainMessage(explained), response);
}

function rpcOf({ method }: UniversalHandler): string {
  return `${method.parent.typeName}/${method.name}`;
}

/** What the caller sends. A shutdown that does not wait for it ends it with its status. */
async function* bodyOf({ request, origin, options }: ConnectCall): AsyncGenerator<Uint8Array> {
  // connect-node would destroy a request that it has refused half read, and with it the connection, before the client has
  // its answer; what is left is read away when the answer is out (http-handler.ts).
  const chunks = request.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await orAborted(chunks.next(), options.shutdown);
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    throw options.shutdown.aborted ? options.explainError(error, origin.requestId) : error;
  } finally {
    // Not waited for: it would wait for the next chunk.
    chunks.return?.().catch(ignore);
  }
}

function ignore(): void {}

/**
 * The trailers with `grpc-message` encoded as gRPC has it: what is printable stays as it is. Connect encodes colons and
 * commas as well, and grpc-js would show them as `%3A` and `%2C`. The trailers are known once the body has been written.
 */
function withPlainMessage(universal: UniversalServerResponse): UniversalServerResponse {
  return {
    ...universal,
    get trailer() {
      const message = universal.trailer?.get("grpc-message");
      if (message) universal.trailer?.set("grpc-message", encodeGrpcMessage(decodeURIComponent(message)));
      return universal.trailer;
    },
  };
}

/** Percent-encodes what a trailer cannot hold as it is (gRPC over HTTP/2, "Status-Message"). */
export function encodeGrpcMessage(message: string): string {
  return message.replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
}

function createHandlers({
  routes,
  interceptors,
  maxMessageBytes,
  gate,
  shutdown,
  registry,
}: ConnectOptions): readonly UniversalHandler[] {
  const options: ConnectRouterOptions = {
    interceptors: [...interceptors],
    readMaxBytes: maxMessageBytes,
    // Not brotli: node's default quality costs more than it saves on a message that is sent once.
    acceptCompression: [compressionGzip],
    requestGate: gate,
    shutdownSignal: shutdown,
  };
  const router = createConnectRouter(options);
  for (const { method, impl } of methodsOf(routes)) {
    router.rpc(method, impl, { jsonOptions: strictJsonOptions(method.input, registry) });
  }
  return router.handlers;
}

/**
 * Makes Connect's JSON reader report paths. It reads with `jsonOptions.textDecoder` where that is set, and passes errors of
 * it on with their cause, from which the errors interceptor takes the violations. The price is that JSON is parsed twice
 * on these faces: `application/connect+json`, `application/grpc+json` and compressed JSON.
 */
function strictJsonOptions(input: DescMessage, registry: Registry | undefined): ConnectRouterOptions["jsonOptions"] {
  const textDecoder = {
    decode(bytes: Uint8Array): string {
      const text = decodeUtf8(bytes);
      parseStrictJson(input, text, registry);
      return text;
    },
  };
  const options = { ignoreUnknownFields: false, textDecoder, ...(registry && { registry }) };
  return options;
}
