import { type HttpRequest, type HttpResponse, headerOf } from "./http.ts";

const allowedHeaders =
  "Accept, Authorization, Content-Type, X-Api-Key, X-Provider, X-Base-Url, X-Project, X-Request-Id, X-Timeout-Ms, " +
  "X-App, X-Client-Id, X-Device, X-User-Id, X-Session-Id";

/**
 * Cross-origin access to the older surfaces, with their methods and headers. It sets what lets a page read the response, and
 * answers preflights; one of an origin that is not in the list with 403. A plain request of such an origin goes on without
 * the headers, and the browser keeps the answer from the page.
 */
export function createCors(allowedOrigins: readonly string[]) {
  const everyone = allowedOrigins.includes("*");
  return (request: HttpRequest, response: HttpResponse): "go on" | "answered" => {
    const origin = headerOf(request, "origin");
    if (origin === "") return "go on";
    if (!everyone) response.setHeader("vary", "Origin");
    const allowed = everyone || allowedOrigins.includes(origin);
    if (allowed) {
      response.setHeader("access-control-allow-origin", everyone ? "*" : origin);
      response.setHeader("access-control-expose-headers", "X-Request-Id, X-Sample-Rate, Retry-After");
    }
    if (request.method !== "OPTIONS" || headerOf(request, "access-control-request-method") === "") return "go on";
    if (allowed) answerPreflight(response);
    else refusePreflight(response);
    return "answered";
  };
}

function answerPreflight(response: HttpResponse): void {
  response.setHeader("access-control-allow-methods", "GET, POST, DELETE");
  response.setHeader("access-control-allow-headers", allowedHeaders);
  response.setHeader("access-control-max-age", "7200");
  response.writeHead(204);
  response.end();
}

function refusePreflight(response: HttpResponse): void {
  response.writeHead(403);
  response.end();
}
