import type { DescMethod } from "@bufbuild/protobuf";
import type { Exchange } from "./exchange.ts";
import { type HttpRequest, headerOf } from "./http.ts";
import { Rejected } from "./rejected.ts";

/** Serves one request; what it throws becomes the surface's error. */
export type Serve = (exchange: Exchange) => Promise<void> | void;

/** One line of a surface's table. The path may hold `{name}` for one segment. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  /** The RPC that it comes down to, where it does: who may not call that is refused before a body is read. */
  readonly rpc?: DescMethod;
  readonly serve: Serve;
}

/** What a table says of a request. */
export type Match =
  | {
      readonly serve: Serve;
      readonly rpc: DescMethod | undefined;
      readonly parameters: Readonly<Record<string, string>>;
    }
  | { readonly allow: string }
  | { readonly redirect: string };

/** Finds the route of a request, or what FastAPI would say where none fits; undefined when there is nothing at the path. */
export function matchRoute(routes: readonly Route[], method: string, path: string): Match | undefined {
  const here = routes.flatMap((route) => {
    const parameters = parametersOf(route.path, path);
    return parameters ? [{ route, parameters }] : [];
  });
  const match = here.find(({ route }) => route.method === method);
  if (match) return { serve: match.route.serve, rpc: match.route.rpc, parameters: match.parameters };
  if (here.length > 0) return { allow: here.map(({ route }) => route.method).join(", ") };
  const bare = path.replace(/\/$/, "");
  return bare !== path && routes.some((route) => parametersOf(route.path, bare)) ? { redirect: bare } : undefined;
}

function parametersOf(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [i, segment] of wanted.entries()) {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    const value = given[i] ?? "";
    if (name === undefined ? segment !== value : value === "") return undefined;
    if (name !== undefined) parameters[name] = decoded(value);
  }
  return parameters;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Serves a match as FastAPI does: 405 with `allow`, and 307 to the absolute address without the last slash. */
export async function serveMatch(match: Match | undefined, exchange: Exchange): Promise<void> {
  if (match === undefined) throw new Rejected(404, "Not Found");
  const { response } = exchange;
  if ("serve" in match) return match.serve({ ...exchange, parameters: match.parameters });
  if ("allow" in match) {
    response.setHeader("allow", match.allow);
    throw new Rejected(405, "Method Not Allowed");
  }
  response.setHeader("location", slashlessAddress(exchange.request));
  response.writeHead(307);
  response.end();
}

function slashlessAddress(request: HttpRequest): string {
  const [path = "", query] = (request.url ?? "").split("?", 2);
  const scheme = "encrypted" in request.socket ? "https" : headerOf(request, "x-forwarded-proto") || "http";
  const host = headerOf(request, "host") || headerOf(request, ":authority");
  return `${scheme}://${host}${path.replace(/\/$/, "")}${query === undefined ? "" : `?${query}`}`;
}
