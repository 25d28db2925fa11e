import { IncomingMessage, ServerResponse } from "node:http";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Registry } from "@bufbuild/protobuf";
import type { ConnectError, Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import { LivellmError } from "../core/error.ts";
import type { Admit } from "./admit.ts";
import { type CallOrigin, callOriginKey } from "./call-origin.ts";
import { chooseFace } from "./choose-face.ts";
import { createConnectHandler } from "./connect.ts";
import { createCors } from "./cors.ts";
import { type CallableMethod, createDispatcher, type Dispatcher } from "./dispatch.ts";
import { createGate, cutByShutdown } from "./gate.ts";
import { refuseGrpc } from "./grpc-refusal.ts";
import { Http1Exchange, Http2Exchange } from "./hot-exchange.ts";
import { createHotPath } from "./hot-path.ts";
import {
  headerOf,
  type NodeHandler,
  type NodeRequest,
  type NodeResponse,
  pathOf,
  remoteAddressOf,
} from "./node-http.ts";
import { servePlain } from "./plain.ts";
import { type ExplainError, sendError, sendJson, sendRefusal } from "./refusal.ts";
import { assignRequestId } from "./request-id.ts";
import type { ServiceRoute } from "./service-route.ts";
import { webTextExchange } from "./web-text-exchange.ts";

export interface HttpHandlerOptions {
  readonly routes: readonly ServiceRoute[];
  /** The first is outermost. */
  readonly interceptors: readonly Interceptor[];
  readonly explainError: ExplainError;
  /** Origins whose pages may call: exact, or `*`. */
  readonly allowedOrigins: readonly string[];
  readonly limits: {
    /** The largest request message, after decompression. */
    readonly maxMessageBytes: number;
  };
  readonly logger: Logger;
  /** Whether the common calls are answered by our own code, and not by connect-node; they are, when unset. */
  readonly hotPath?: boolean;
  /** Who may call; everybody when unset. */
  readonly admit?: Admit;
  /** Knows what an Any may hold, in JSON; only needed for services that have one. */
  readonly registry?: Registry;
}

export interface HttpHandler {
  readonly handle: NodeHandler;
  /** The same for requests on the path of an RPC alone; false for every other, which is left alone. */
  handleCall(request: NodeRequest, response: NodeResponse): boolean;
  /** For the listener: takes the common calls over HTTP/2 ahead of `handle`, which can serve them all. */
  readonly handleStream: ServeStream;
  /** For the listener: whether requests on a path are streams of messages. */
  maySendStream(path: string): boolean;
  /** Calls methods for other faces, through the same interceptors. */
  readonly dispatcher: Dispatcher;
  /** From now on new calls get `unavailable`, those of the health service excepted. */
  drain(): void;
  /** Ends the calls in progress with `unavailable`, those of the dispatcher's other faces too. */
  endCalls(): void;
}

/** Answers a request that came over HTTP/2, or returns false and has not touched it. */
type ServeStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;

/** One request, and what is known of it before anything is read. */
interface Incoming {
  readonly request: NodeRequest;
  readonly response: NodeResponse;
  readonly requestId: string;
}

/** Everything that is served over HTTP: CORS, `/ping`, plain JSON with SSE and NDJSON, gRPC, gRPC-Web and Connect. */
export function createHttpHandler(options: HttpHandlerOptions): HttpHandler {
  const dispatcher = createDispatcher(options.routes, options.interceptors);
  const gate = createGate();
  const cors = createCors(options.allowedOrigins);
  const shutdown = new AbortController();
  const serveMethod = createMethodServer(options, gate.assertOpen, shutdown.signal);

  const hotPath = createHotPath({
    dispatcher,
    assertOpen: gate.assertOpen,
    explainError: options.explainError,
    maxMessageBytes: options.limits.maxMessageBytes,
    ...(options.admit && { admit: options.admit }),
    ...(options.registry && { registry: options.registry }),
  });
  const isOn = options.hotPath !== false;
  const handleStream: ServeStream = (stream, headers) => isOn && hotPath(new Http2Exchange(stream, headers));
  const serveText = (request: NodeRequest, response: NodeResponse): boolean => {
    const exchange = webTextExchange(request, response);
    return exchange !== undefined && hotPath(exchange);
  };
  const serveHot = (request: NodeRequest, response: NodeResponse): boolean =>
    isOn &&
    request instanceof IncomingMessage &&
    response instanceof ServerResponse &&
    hotPath(new Http1Exchange(request, response));

  const serve = (incoming: Incoming): void => {
    const { request, response } = incoming;
    const outcome = cors(request, response);
    if (outcome === "answered") return;
    if (outcome === "refused") throw originRefused(headerOf(request, "origin"));
    const path = pathOf(request);
    const method = dispatcher.find(path);
    if (method) serveHot(request, response) || serveText(request, response) || serveMethod(incoming, method);
    else if (path === "/ping") sendJson(response, 200, '{"status":"ok"}');
    else refuseUnknown(incoming, options.explainError(nothingAt(path), incoming.requestId));
  };

  const handle = (request: NodeRequest, response: NodeResponse): void => {
    const requestId = assignRequestId(request);
    // A client that goes away is no fault of this server, and must not become an uncaught error.
    request.on("error", ignore);
    response.on("error", ignore);
    response.setHeader("x-request-id", requestId);
    if (gate.closed() && request.httpVersionMajor === 1) response.setHeader("connection", "close");
    try {
      serve({ request, response, requestId });
    } catch (error) {
      sendError(response, options.explainError(error, requestId));
    }
  };

  const handleCall = (request: NodeRequest, response: NodeResponse): boolean => {
    if (dispatcher.find(pathOf(request)) === undefined) return false;
    handle(request, response);
    return true;
  };
  const endCalls = () => {
    shutdown.abort(cutByShutdown());
    dispatcher.endCalls(shutdown.signal.reason);
  };
  const maySendStream = (path: string): boolean => {
    const kind = dispatcher.find(path)?.desc.methodKind;
    return kind === "client_streaming" || kind === "bidi_streaming";
  };
  return { handle, handleCall, handleStream, maySendStream, dispatcher, drain: gate.close, endCalls };
}

/** Serves a request on the path of an RPC by the face that fits it. */
function createMethodServer(options: HttpHandlerOptions, assertOpen: (service: string) => void, shutdown: AbortSignal) {
  const { explainError, logger, registry, admit } = options;
  const { maxMessageBytes } = options.limits;
  const serveConnect = createConnectHandler({
    ...options,
    maxMessageBytes,
    shutdown,
    gate: ({ service, method, requestHeader, values }) => {
      const requestId = requestHeader.get("x-request-id") ?? "";
      try {
        assertOpen(service.typeName);
        const authorization = requestHeader.get("authorization") ?? undefined;
        admit?.({ method, authorization, requestId, remoteAddress: values.get(callOriginKey).remoteAddress });
      } catch (error) {
        throw explainError(error, requestId);
      }
    },
  });
  return ({ request, response, requestId }: Incoming, method: CallableMethod): void => {
    const choice = chooseFace(request, method.desc);
    const origin = { requestId, remoteAddress: remoteAddressOf(request) };
    switch (choice.kind) {
      case "refused":
        for (const [name, value] of Object.entries(choice.headers)) response.setHeader(name, value);
        sendRefusal(response, explainError(choice.error, requestId), choice.httpStatus);
        return;
      case "connect":
        // connect-node leaves a body that it has refused half read; a client over HTTP/1.1 that sends before it reads
        // would wait for ever.
        response.once("finish", () => request.resume());
        serveConnect(request, response, { ...origin, face: choice.face });
        return;
      case "plain":
        assertOpen(method.desc.parent.typeName);
        admit?.({ method: method.desc, authorization: headerOf(request, "authorization"), ...origin });
        servePlain(
          { method, request, response, origin: { ...origin, face: "json" } satisfies CallOrigin, registry },
          { maxMessageBytes, explainError, logger },
        ).catch((error: unknown) => {
          logger.error({ err: error, requestId }, "response not sent");
          response.destroy();
        });
    }
  };
}

function ignore(): void {}

function originRefused(origin = ""): LivellmError {
  return new LivellmError(
    "permission_denied",
    "permission_denied",
    `pages of ${JSON.stringify(origin)} may not call this server: its origin is not in the allow-list`,
  );
}

/** HTTP status 404 whatever the code; gRPC has its own form for it. */
function refuseUnknown({ request, response }: Incoming, error: ConnectError): void {
  refuseGrpc(request, response, error) || sendRefusal(response, error, 404);
}

/** The code is gRPC's for paths that look like an RPC. */
function nothingAt(path: string): LivellmError {
  const message = `there is nothing at ${JSON.stringify(path.slice(0, 200))}; RPCs are at paths such as /livellm.v1.AgentService/Run`;
  return /^\/[\w.]+\/\w+$/.test(path)
    ? new LivellmError("unimplemented", "not_found", message)
    : new LivellmError("not_found", "not_found", message);
}
