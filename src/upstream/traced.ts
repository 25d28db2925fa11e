import type { Upstream } from "../core/upstream.ts";
import type { Fetch } from "./fetch.ts";

/** The headers for a request that is made now, such as `traceparent`. */
export type OutgoingHeaders = () => Readonly<Record<string, string>>;

interface WithHeaders {
  readonly headers?: Readonly<Record<string, string>>;
}

/** The same upstream, whose requests tell which trace they belong to. A file that an answer names is none of it. */
export function tracedUpstream(upstream: Upstream, outgoing: OutgoingHeaders): Upstream {
  const traced = <R extends WithHeaders>(request: R): R => ({
    ...request,
    headers: { ...request.headers, ...outgoing() },
  });
  return {
    ...upstream,
    json: (request, signal) => upstream.json(traced(request), signal),
    events: (request, signal) => upstream.events(traced(request), signal),
    lines: (request, signal) => upstream.lines(traced(request), signal),
    bytes: (request, signal) => upstream.bytes(traced(request), signal),
    socket: (request, signal) => upstream.socket(traced(request), signal),
  };
}

/** The same for a `fetch`. */
export function tracedFetch(send: Fetch, outgoing: OutgoingHeaders): Fetch {
  return (url, init) => {
    const headers = new Headers(init?.headers);
    for (const [name, value] of Object.entries(outgoing())) headers.set(name, value);
    return send(url, { ...init, headers });
  };
}
