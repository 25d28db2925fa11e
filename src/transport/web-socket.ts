import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { type Server, WebSocketServer } from "ws";
import { type Admit, offeredAuthorization } from "./admit.ts";
import type { CallableMethod, Dispatcher } from "./dispatch.ts";
import { createGate } from "./gate.ts";
import { headerOf, pathOf, remoteAddressOf } from "./node-http.ts";
import type { ExplainError } from "./refusal.ts";
import { assignRequestId } from "./request-id.ts";
import { requestIdOf, serveWebSocketCall, statusFrame } from "./web-socket-call.ts";
import { CallSocket, type Connection, connectSocket } from "./web-socket-connection.ts";
import {
  foreignOrigin,
  type HandshakeRefusal,
  malformedHandshake,
  nothingToConnectTo,
  refuseHandshake,
} from "./web-socket-refusal.ts";

/** The subprotocol a client may offer. Others it offers are passed over, so that a token can stand beside it. */
const subprotocol = "livellm.v1";

interface WebSocketFaceOptions {
  /** Calls methods through the interceptors of every other face. */
  readonly dispatcher: Dispatcher;
  readonly explainError: ExplainError;
  /** Origins whose pages may connect: exact, or `*`. Pages of this server, and programs, which send none, always may. */
  readonly allowedOrigins: readonly string[];
  readonly limits: {
    /** The largest message, put together from its fragments. */
    readonly maxMessageBytes: number;
  };
  readonly logger: Logger;
  /** Who may call, by the handshake and the headers frame; everybody when unset. */
  readonly admit?: Admit;
  /** Other times than those of the product, for tests. */
  readonly times?: Partial<WebSocketTimes>;
}

/** How long things take on a WebSocket. */
export interface WebSocketTimes {
  /** Between pings; a client that misses two is cut off. */
  readonly pingIntervalMs: number;
  /** Between pings while the service lags behind the client, so that nothing is read. */
  readonly pausedPingIntervalMs: number;
  /** To the client's first frame. */
  readonly firstFrameTimeoutMs: number;
  /** From our close frame to the client's. */
  readonly closeTimeoutMs: number;
}

const usualTimes: WebSocketTimes = {
  pingIntervalMs: 20_000,
  pausedPingIntervalMs: 1_000,
  firstFrameTimeoutMs: 60_000,
  closeTimeoutMs: 10_000,
};

interface WebSocketFace {
  /** For the listener: takes over requests that ask for a WebSocket. */
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** From now on handshakes get 503, and sockets without a call `unavailable`; calls under way go on. */
  drain(): void;
}

/** Every RPC as a WebSocket on its own path: one socket is one call. */
export function createWebSocketFace(options: WebSocketFaceOptions): WebSocketFace {
  const times = { ...usualTimes, ...options.times };
  const gate = createGate();
  const isAllowed = createOriginCheck(options.allowedOrigins);
  const server = createServer(options, times);
  const idle = new Set<Connection>();

  const refusalOf = (request: IncomingMessage, method: CallableMethod | undefined): HandshakeRefusal | undefined => {
    if (!isAllowed(request)) return foreignOrigin(headerOf(request, "origin") ?? "");
    if (method === undefined) return nothingToConnectTo(pathOf(request));
    try {
      gate.assertOpen(method.desc.parent.typeName);
    } catch (error) {
      return { error };
    }
    return malformedHandshake(request);
  };

  const serve = async (socket: CallSocket, request: IncomingMessage, method: CallableMethod): Promise<void> => {
    const connection = connectSocket(socket, request.socket, {
      method: method.desc,
      heartbeat: { intervalMs: times.pingIntervalMs, pausedIntervalMs: times.pausedPingIntervalMs },
      statusOf: (error) => statusFrame(options.explainError(error, requestIdOf(request))),
    });
    idle.add(connection);
    const begun = () => idle.delete(connection);
    connection.input.opened.then(begun, begun);
    const assertOpen = () => {
      gate.assertOpen(method.desc.parent.typeName);
      const authorization = headerOf(request, "authorization");
      const remoteAddress = remoteAddressOf(request);
      options.admit?.({ method: method.desc, authorization, requestId: requestIdOf(request), remoteAddress });
    };
    await serveWebSocketCall({ method, request, connection }, { ...options, ...times, assertOpen });
  };

  return {
    onUpgrade(request, socket, head) {
      assignRequestId(request);
      request.headers.authorization ??= offeredAuthorization(headerOf(request, "sec-websocket-protocol"));
      // A client that goes away is no fault of this server, and must not become an uncaught error.
      socket.on("error", ignore);
      const method = options.dispatcher.find(pathOf(request));
      const refusal = refusalOf(request, method);
      if (refusal !== undefined || method === undefined) {
        refuseHandshake(request, refusal ?? nothingToConnectTo(pathOf(request)), options.explainError);
        return;
      }
      server.handleUpgrade(request, socket, head, (client) => {
        serve(client, request, method).catch((error: unknown) => {
          options.logger.error({ err: error, requestId: requestIdOf(request) }, "WebSocket not served");
          client.terminate();
        });
      });
    },
    drain() {
      gate.close();
      for (const { input } of idle) input.fail(shuttingDown(gate.assertOpen));
    },
  };
}

function ignore(): void {}

function createServer({ limits }: WebSocketFaceOptions, times: WebSocketTimes): Server<typeof CallSocket> {
  // The types (8.18) do not know it yet.
  const closing = { closeTimeout: times.closeTimeoutMs };
  const server = new WebSocketServer({
    noServer: true,
    WebSocket: CallSocket,
    clientTracking: false,
    // Compression holds memory for each socket, and audio does not get smaller.
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    // Text that is not UTF-8 gets a status that says so; ws would just close.
    skipUTF8Validation: true,
    handleProtocols: (offered) => offered.has(subprotocol) && subprotocol,
    ...closing,
  });
  return server.on("headers", (headers, request) => headers.push(`x-request-id: ${requestIdOf(request)}`));
}

/** The server's own pages are told by the host they were loaded from; a scheme may be a proxy's. */
function createOriginCheck(allowedOrigins: readonly string[]): (request: IncomingMessage) => boolean {
  const allowed = new Set(allowedOrigins);
  return (request) => {
    const origin = headerOf(request, "origin");
    if (origin === undefined || allowed.has("*") || allowed.has(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === request.headers.host?.toLowerCase();
  };
}

/** The error of a closed gate. */
function shuttingDown(assertOpen: (service: string) => void): unknown {
  try {
    assertOpen("");
  } catch (error) {
    return error;
  }
  return undefined;
}
