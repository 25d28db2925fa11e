import { randomUUID } from "node:crypto";
import { cancelled } from "../core/error.ts";
import type { Caller } from "./gateway.ts";
import { type HttpRequest, type HttpResponse, headerOf, remoteAddressOf, timeoutMsOf, webHeadersOf } from "./http.ts";

/** One HTTP request on a surface, and its response. */
export interface Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly requestId: string;
  /** Below the surface's prefix, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** What the route's `{…}` stand for, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Aborted when the client goes away before the response is complete. */
  readonly signal: AbortSignal;
}

const visibleAscii = /^[\x21-\x7e]{1,128}$/;

/** The request's id: the caller's `x-request-id` when that is 1 to 128 visible ASCII characters, else a made-up one. */
export function assignRequestId(request: HttpRequest): string {
  const given = headerOf(request, "x-request-id");
  const id = visibleAscii.test(given) ? given : randomUUID();
  request.headers["x-request-id"] = id;
  return id;
}

/** Who makes a call on behalf of an exchange. Throws `invalid_argument` when a header cannot be read. */
export function callerOf(
  exchange: Pick<Exchange, "request" | "requestId" | "signal">,
  face: Caller["face"] = "json",
): Caller {
  const { request, requestId, signal } = exchange;
  const timeoutMs = timeoutMsOf(request);
  return {
    requestId,
    remoteAddress: remoteAddressOf(request),
    face,
    httpMethod: request.method ?? "POST",
    url: request.url ?? "",
    headers: withProject(webHeadersOf(request)),
    signal,
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

/** What livellm's clients call their project is the application here. */
function withProject(headers: Headers): Headers {
  const project = headers.get("x-project");
  if (project && !headers.has("x-app")) headers.set("x-app", project);
  return headers;
}

/**
 * Notices when the client goes away before the response is complete. It keeps its own flag: `writableFinished` was seen true
 * on streams that had not finished.
 */
export function watchClient(response: HttpResponse): { readonly signal: AbortSignal; finished(): void } {
  const controller = new AbortController();
  let finished = false;
  response.once("close", () => {
    if (!finished) controller.abort(cancelled());
  });
  return {
    signal: controller.signal,
    finished: () => {
      finished = true;
    },
  };
}
