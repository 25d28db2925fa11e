import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { isLoopback } from "../core/loopback.ts";
import { headerOf, type NodeRequest, type NodeResponse, pathOf, remoteAddressOf } from "./node-http.ts";
import { type ExplainError, sendRefusal } from "./refusal.ts";
import { assignRequestId } from "./request-id.ts";

export interface MetricsPageOptions {
  /** The page's text. */
  readonly render: () => string | Promise<string>;
  readonly mediaType: string;
  /** Throws when who asks with this `authorization` may not see it; not asked where the request comes from this machine. */
  readonly admit: (authorization: string | undefined) => void;
  readonly explainError: ExplainError;
}

/** The page `/metrics`, for Prometheus. */
export interface MetricsPage {
  /** Serves a request for it; false for every other, which is left alone. */
  serve(request: NodeRequest, response: NodeResponse): boolean;
}

export function createMetricsPage(options: MetricsPageOptions): MetricsPage {
  return {
    serve(request, response) {
      if (pathOf(request) !== "/metrics" || !(request.method === "GET" || request.method === "HEAD")) return false;
      // A client that goes away is no fault of this server, and must not become an uncaught error.
      request.on("error", ignore);
      response.on("error", ignore);
      answer(request, response, options).catch((error: unknown) => refuse(request, response, options, error));
      return true;
    },
  };
}

function ignore(): void {}

async function answer(request: NodeRequest, response: NodeResponse, options: MetricsPageOptions): Promise<void> {
  if (!isAskedFromHere(request)) options.admit(headerOf(request, "authorization"));
  const text = Buffer.from(await options.render());
  const compressed = /\bgzip\b/.test(headerOf(request, "accept-encoding") ?? "");
  const body = compressed ? await promisify(gzip)(text) : text;
  if (compressed) response.setHeader("content-encoding", "gzip");
  response.setHeader("vary", "accept-encoding");
  response.setHeader("cache-control", "no-store");
  response.setHeader("content-type", options.mediaType);
  response.setHeader("content-length", body.length);
  response.writeHead(200);
  if (request.method === "HEAD") response.end();
  else response.end(body);
}

function refuse(request: NodeRequest, response: NodeResponse, { explainError }: MetricsPageOptions, error: unknown) {
  if (response.headersSent) return void response.destroy();
  const status = explainError(error, assignRequestId(request));
  const httpStatus = { unauthenticated: 401, permission_denied: 403 }[codeOf(error)] ?? 500;
  sendRefusal(response, status, httpStatus);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** What proxies say of whom they speak for. */
const forwarding = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "via",
] as const;

/**
 * Whether a program on this machine asks for itself. The address is that of the connection: what headers say of it is
 * anybody's word. A proxy on this machine speaks for others, which it tells by its headers, or by a host that is not this
 * machine; so does a page whose name was made to lead here (DNS rebinding).
 */
function isAskedFromHere(request: NodeRequest): boolean {
  if (!isLoopback(remoteAddressOf(request))) return false;
  if (forwarding.some((name) => request.headers[name] !== undefined)) return false;
  const authority = headerOf(request, ":authority") ?? headerOf(request, "host") ?? "";
  return isLoopback(authority.replace(/:\d+$/, ""));
}
