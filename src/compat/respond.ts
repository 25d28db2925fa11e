import { drained } from "../streams/drained.ts";
import type { HttpResponse } from "./http.ts";
import { jsonLine } from "./json-text.ts";

/** Answers with JSON and ends the response. */
export function sendJson(response: HttpResponse, status: number, value: unknown): void {
  sendBytes(response, status, "application/json", Buffer.from(JSON.stringify(value)));
}

/** Answers with bytes of a kind and ends the response. */
export function sendBytes(response: HttpResponse, status: number, contentType: string, body: Uint8Array): void {
  response.setHeader("content-type", contentType);
  response.setHeader("content-length", body.length);
  response.writeHead(status);
  response.end(body);
}

/** How a stream is written. */
export interface Framing<T> {
  readonly headers: Readonly<Record<string, string>>;
  /** One item; nothing is written for undefined. */
  readonly item: (item: T) => string | Uint8Array | undefined;
  /** After the last item. */
  readonly end?: string;
  /** What tells of a failure after the first item. Without it the body is cut off, which no client takes for its end. */
  readonly failure?: (error: unknown) => string;
}

/**
 * Sends a stream at the pace of the client. Nothing is sent before the first item, so that an error before it is thrown and
 * gets an HTTP status of its own.
 */
export async function sendStream<T>(
  response: HttpResponse,
  items: AsyncGenerator<T>,
  framing: Framing<T>,
): Promise<void> {
  try {
    let next = await items.next();
    for (const [name, value] of Object.entries(framing.headers)) response.setHeader(name, value);
    response.writeHead(200);
    for (; !next.done; next = await items.next()) {
      if (response.destroyed) return;
      const piece = framing.item(next.value);
      if (piece !== undefined && !response.write(piece)) await drained(response);
    }
    if (framing.end !== undefined) response.write(framing.end);
    response.end();
  } catch (error) {
    if (!response.headersSent) throw error;
    endBroken(response, framing.failure?.(error));
  } finally {
    await items.return(undefined).catch(() => undefined);
  }
}

function endBroken(response: HttpResponse, last: string | undefined): void {
  if (response.destroyed) return;
  if (last === undefined) response.destroy();
  else response.end(last);
}

/** JSON lines. */
export function ndjson(failure: (error: unknown) => unknown): Framing<unknown> {
  return {
    // nginx would collect the lines of a stream otherwise.
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-cache", "x-accel-buffering": "no" },
    item: (value) => `${jsonLine(value)}\n`,
    failure: (error) => `${jsonLine(failure(error))}\n`,
  };
}
