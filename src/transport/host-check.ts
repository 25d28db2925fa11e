import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import os from "node:os";
import { LivellmError } from "../core/error.ts";
import { isLoopback } from "../core/loopback.ts";
import { headerOf, type NodeRequest, type NodeResponse } from "./node-http.ts";
import { type ExplainError, sendRefusal } from "./refusal.ts";
import { assignRequestId } from "./request-id.ts";
import { refuseHandshake } from "./web-socket-refusal.ts";

export interface HostCheckOptions {
  /** Whether whoever is on this machine, and nobody else, may do everything without a token, now. */
  readonly servesThisMachine: () => boolean;
  readonly explainError: ExplainError;
}

/** Refuses what a browser sends here in the belief that it is another site. */
export interface HostCheck {
  /** Answers such a request; false for every other, which is left alone. */
  refuses(request: NodeRequest, response: NodeResponse): boolean;
  /** The same for the handshake of a WebSocket. */
  refusesHandshake(request: IncomingMessage): boolean;
}

/**
 * Keeps web sites off a server that is a developer's own. A site may let its name lead to 127.0.0.1 once its page is loaded
 * (DNS rebinding); to the browser the server is then that site, so neither CORS nor the origin of a WebSocket tells. Only
 * the name in `Host` does. Pages come over HTTP/1.1: browsers speak HTTP/2 over TLS alone, where the certificate tells.
 */
export function createHostCheck({ servesThisMachine, explainError }: HostCheckOptions): HostCheck {
  const isForeign = (request: NodeRequest): boolean =>
    request.httpVersionMajor === 1 && !isOwnName(headerOf(request, "host")) && servesThisMachine();
  return {
    refuses(request, response) {
      if (!isForeign(request)) return false;
      response.on("error", ignore);
      // What is left of the body is read and dropped, so that a client which sends before it reads gets the answer.
      request.on("error", ignore).resume();
      const requestId = assignRequestId(request);
      response.setHeader("x-request-id", requestId);
      sendRefusal(response, explainError(foreignHost(request), requestId), 403);
      return true;
    },
    refusesHandshake(request) {
      if (!isForeign(request)) return false;
      request.socket.on("error", ignore);
      assignRequestId(request);
      refuseHandshake(request, { error: foreignHost(request) }, explainError);
      return true;
    },
  };
}

function ignore(): void {}

/**
 * Names that no web site can have: addresses, this machine's own, and those below `.internal`, which ICANN keeps out of
 * public DNS and by which containers call their host. Programs may send no name at all.
 */
function isOwnName(host = ""): boolean {
  const name = host.replace(/:\d*$/, "").toLowerCase();
  return (
    name === "" ||
    isLoopback(name) ||
    isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0 ||
    name.endsWith(".internal") ||
    name === os.hostname().toLowerCase()
  );
}

function foreignHost(request: NodeRequest): LivellmError {
  const host = JSON.stringify((headerOf(request, "host") ?? "").slice(0, 200));
  return new LivellmError(
    "permission_denied",
    "permission_denied",
    `this server has no token and is for this machine alone: it is called as localhost, not as ${host}. ` +
      "To serve other names set LIVELLM_ADMIN_TOKEN, or LIVELLM_ALLOW_ANONYMOUS=1 if everybody may do everything",
  );
}
