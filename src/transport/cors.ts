import { cors } from "@connectrpc/connect";
import { headerOf, type NodeRequest, type NodeResponse } from "./node-http.ts";

const allowedHeaders = [
  ...cors.allowedHeaders,
  "Accept",
  "Authorization",
  "X-Request-Id",
  "X-Timeout-Ms",
  "X-Session-Id",
  "X-User-Id",
  "X-App",
  "X-Client-Id",
  "X-Device",
  "Traceparent",
  "Tracestate",
].join(", ");

const exposedHeaders = [...cors.exposedHeaders, "X-Request-Id", "Retry-After", "WWW-Authenticate"].join(", ");

/** What CORS made of a request. */
export type CorsOutcome = "go on" | "answered" | "refused";

/**
 * Cross-origin access for the origins in the list: exact ones such as `https://app.example.com`, or `*` for all. Sets the
 * headers that let a page read the response, and answers preflights, which carry neither message nor credentials. From any
 * other origin a preflight is `refused`; a plain request goes on without the headers, and the browser keeps the answer
 * from the page.
 */
export function createCors(
  allowedOrigins: readonly string[],
): (request: NodeRequest, response: NodeResponse) => CorsOutcome {
  const everyone = allowedOrigins.includes("*");
  const allowed = new Set(allowedOrigins);
  return (request, response) => {
    const origin = headerOf(request, "origin");
    if (origin === undefined) return "go on";
    const preflight = request.method === "OPTIONS" && headerOf(request, "access-control-request-method") !== undefined;
    if (!everyone) response.setHeader("vary", "Origin");
    if (!everyone && !allowed.has(origin)) return preflight ? "refused" : "go on";
    response.setHeader("access-control-allow-origin", everyone ? "*" : origin);
    response.setHeader("access-control-expose-headers", exposedHeaders);
    if (!preflight) return "go on";
    answerPreflight(response);
    return "answered";
  };
}

function answerPreflight(response: NodeResponse): void {
  response.setHeader("access-control-allow-methods", cors.allowedMethods.join(", "));
  response.setHeader("access-control-allow-headers", allowedHeaders);
  response.setHeader("access-control-max-age", "7200");
  response.writeHead(204);
  response.end();
}
