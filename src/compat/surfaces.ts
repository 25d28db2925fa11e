import type { Duplex } from "node:stream";
import type { DescMethod } from "@bufbuild/protobuf";
import { LivellmError } from "../core/error.ts";
import { createApc } from "./apc/surface.ts";
import { createChat } from "./chat/surface.ts";
import { createCors } from "./cors.ts";
import { assignRequestId, callerOf, watchClient } from "./exchange.ts";
import { createGateway, type Dispatcher, type ExplainError } from "./gateway.ts";
import { type HttpRequest, type HttpResponse, headerOf, remoteAddressOf, type UpgradeRequest } from "./http.ts";
import { type HttpError, httpErrorOf } from "./http-error.ts";
import { createLivellm } from "./livellm/surface.ts";
import type { AcceptSocket } from "./message-socket.ts";
import { sendJson } from "./respond.ts";
import { serveMatch } from "./route-table.ts";
import type { Found, Surface, SurfaceOptions } from "./surface.ts";
import { createV1 } from "./v1/surface.ts";

/** What is known of a call by its headers. */
interface ArrivingCall {
  readonly method: DescMethod;
  readonly authorization: string | undefined;
  readonly requestId: string;
  /** Where it comes from. */
  readonly remoteAddress: string;
}

export interface CompatOptions {
  /** Which of them are served: any of `livellm`, `v1`, `chat`, `apc`. */
  readonly surfaces: readonly string[];
  /** Calls methods through the interceptors of every other face. */
  readonly dispatcher: Dispatcher;
  readonly explainError: ExplainError;
  /** Origins whose pages may call: exact, or `*`. */
  readonly allowedOrigins: readonly string[];
  /** The largest body. */
  readonly maxBodyBytes: number;
  readonly acceptSocket: AcceptSocket;
  /** Throws when the caller may not make a call. It is asked before a body is read, and the interceptors ask again. */
  readonly admit?: (call: ArrivingCall) => void;
  /** Environment variables in the old systems' names. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether an address is that of a proxy which is believed in what it says of its clients. */
  readonly isTrustedProxy: (address: string) => boolean;
  /** The models of the surface `apc`'s live session, as `provider/model`, in the order in which they are tried. */
  readonly liveModels: readonly string[];
}

/** The surfaces of the systems that livellm takes over from. */
export interface CompatSurfaces {
  /** Serves a request on one of their paths; false for every other, which is left alone. */
  handle(request: HttpRequest, response: HttpResponse): boolean;
  /** Takes over a handshake on one of their paths; false for every other. */
  onUpgrade(request: UpgradeRequest, socket: Duplex, head: Buffer): boolean;
  /** From now on new requests get 503, and sockets without a session are closed; what is under way goes on. */
  drain(): void;
}

/** In the order in which they are asked: the one that takes the fewest requests first. */
const makers: readonly (readonly [string, (options: SurfaceOptions) => Surface])[] = [
  ["v1", createV1],
  ["livellm", createLivellm],
  ["chat", createChat],
  ["apc", createApc],
];

export function createCompatSurfaces(options: CompatOptions): CompatSurfaces {
  const { explainError } = options;
  const gateway = createGateway(options.dispatcher);
  const drain = new AbortController();
  const enabled = makers.filter(([name]) => options.surfaces.includes(name));
  const surfaces = enabled.map(([, make]) => make({ ...options, gateway, drain: drain.signal }));
  const cors = createCors(options.allowedOrigins);

  const admit = (method: DescMethod | undefined, request: HttpRequest, requestId: string): void => {
    const authorization = headerOf(request, "authorization") || undefined;
    if (method) options.admit?.({ method, authorization, requestId, remoteAddress: remoteAddressOf(request) });
  };

  const serve = async ({ surface, ...found }: Chosen, request: HttpRequest, response: HttpResponse): Promise<void> => {
    const requestId = assignRequestId(request);
    response.setHeader("x-request-id", requestId);
    const client = watchClient(response);
    try {
      if (drain.signal.aborted) throw shuttingDown();
      if (found.match && "rpc" in found.match) admit(found.match.rpc, request, requestId);
      const query = new URLSearchParams((request.url ?? "").split("?")[1]);
      await serveMatch(found.match, {
        request,
        response,
        requestId,
        path: found.path,
        query,
        parameters: {},
        signal: client.signal,
      });
    } catch (error) {
      sendError(response, error, { requestId, explainError, signal: client.signal, surface });
    } finally {
      client.finished();
    }
  };

  return {
    handle(request, response) {
      const found = firstFound(surfaces, request);
      if (!found) return false;
      // A client that goes away is no fault of this server, and must not become an uncaught error.
      request.on("error", ignore);
      response.on("error", ignore);
      if (cors(request, response) === "go on") serve(found, request, response).catch(() => response.destroy());
      return true;
    },
    onUpgrade(request, socket, head) {
      const path = pathOf(request);
      const socketOf = surfaces.flatMap((surface) => surface.findSocket?.(path) ?? [])[0];
      if (!socketOf) return false;
      const requestId = assignRequestId(request);
      try {
        if (drain.signal.aborted) throw shuttingDown();
        admit(socketOf.rpc, request, requestId);
      } catch (error) {
        refuseHandshake(socket, httpErrorOf(error, requestId, explainError));
        return true;
      }
      options.acceptSocket({ request, socket, head }, async (client) => {
        const caller = callerOf({ request, requestId, signal: client.signal }, "websocket");
        await socketOf.serve(client, caller);
      });
      return true;
    },
    drain: () => drain.abort(shuttingDown()),
  };
}

function ignore(): void {}

function refuseHandshake(socket: Duplex, { status, detail }: HttpError): void {
  // A client that goes away is no fault of this server, and must not become an uncaught error.
  socket.on("error", ignore);
  const body = JSON.stringify({ detail });
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function pathOf(request: HttpRequest): string {
  // Old clients join a base address with a slash at its end and a path with one at its start.
  return (request.url ?? "").split("?", 1)[0]?.replace(/^\/{2,}/, "/") ?? "";
}

/** A request and whose it is. */
interface Chosen extends Found {
  readonly surface: Surface;
}

function firstFound(surfaces: readonly Surface[], request: HttpRequest): Chosen | undefined {
  const asked = { method: askedMethod(request), path: pathOf(request), request };
  for (const surface of surfaces) {
    const found = surface.find(asked);
    if (found) return { ...found, surface };
  }
  return undefined;
}

/** A preflight is about the method that it announces. */
function askedMethod(request: HttpRequest): string {
  const announced = request.method === "OPTIONS" ? headerOf(request, "access-control-request-method") : "";
  return announced || (request.method ?? "GET");
}

interface About {
  readonly requestId: string;
  readonly explainError: ExplainError;
  readonly signal: AbortSignal;
  readonly surface: Surface;
}

/** The surface's own error, else FastAPI's: `{"detail": …}`. */
function sendError(response: HttpResponse, error: unknown, { requestId, explainError, signal, surface }: About): void {
  if (response.headersSent || signal.aborted) return void response.destroy();
  const explained = httpErrorOf(error, requestId, explainError, signal);
  const { status, detail, retryAfter } = explained;
  if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
  if (status === 401) response.setHeader("www-authenticate", "Bearer, Basic");
  sendJson(response, status, surface.errorBody?.(explained, requestId) ?? { detail });
}

function shuttingDown(): LivellmError {
  return new LivellmError("unavailable", "overloaded", "this server is shutting down; try again, elsewhere if you can");
}
