import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What a request's body has to be as fast as, from its head on. */
export interface Pace {
  /** For a body of any size. */
  readonly graceMs: number;
  /** Each so many bytes that have come give it another second. */
  readonly bytesPerSecond: number;
  /** How often bodies are looked at. */
  readonly everyMs: number;
}

/** Slower than any line that is in use, and as other servers have it (Apache's mod_reqtimeout). */
const usualPace: Pace = { graceMs: 20_000, bytesPerSecond: 500, everyMs: 1_000 };

interface Arriving {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly sinceMs: number;
  /** What its connection had read before. */
  readonly bytesBefore: number;
}

/**
 * Hangs up on HTTP/1 requests whose bodies drip: node's own limit of five minutes lets a caller hold a connection with a byte a
 * second. What this server itself has not read yet does not count. No timer runs while no body is on its way.
 */
export class BodyPace {
  readonly #pace: Pace;
  /** The last request of each connection: one that is kept alive has no second at the same time. */
  readonly #arriving = new Map<Socket, Arriving>();
  #timer: NodeJS.Timeout | undefined;

  constructor(pace: Pace = usualPace) {
    this.#pace = pace;
  }

  /** Follows a request from its head on. */
  watch(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === "GET" || request.complete) return;
    const { socket } = request;
    this.#arriving.set(socket, { request, response, sinceMs: performance.now(), bytesBefore: socket.bytesRead });
    this.#timer ??= setInterval(() => this.#look(), this.#pace.everyMs).unref();
  }

  #look(): void {
    for (const [socket, arriving] of this.#arriving) {
      if (arriving.request.complete || socket.destroyed) this.#arriving.delete(socket);
      else if (this.#isTooSlow(socket, arriving)) hangUp(socket, arriving.response);
    }
    if (this.#arriving.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #isTooSlow(socket: Socket, { request, sinceMs, bytesBefore }: Arriving): boolean {
    if (request.isPaused() || request.readableLength > 0) return false;
    const earnedMs = ((socket.bytesRead - bytesBefore) / this.#pace.bytesPerSecond) * 1_000;
    return performance.now() - sinceMs > this.#pace.graceMs + earnedMs;
  }
}

const message = "the body of the request comes too slowly; send it at once, or check the connection";
const body = JSON.stringify({ code: "deadline_exceeded", message });
const refusal = [
  "HTTP/1.1 408 Request Timeout",
  "content-type: application/problem+json",
  `content-length: ${body.length}`,
  "connection: close",
  "",
  body,
].join("\r\n");

/** As node does when a request takes too long: for whoever reads the body the caller has gone. */
function hangUp(socket: Socket, response: ServerResponse): void {
  if (response.headersSent) socket.destroy();
  else socket.end(refusal, () => socket.destroy());
}
