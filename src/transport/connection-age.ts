import type { ServerHttp2Session } from "node:http2";

/**
 * Sends an HTTP/2 client elsewhere when its connection has become old, and lets the calls under way finish, so that
 * clients spread over the replicas there are by now. `maxAgeMs` is varied by a tenth either way: connections made
 * together do not end together.
 *
 * node cannot announce a GOAWAY before it takes effect: a call sent in the same instant is refused unprocessed
 * (REFUSED_STREAM). gRPC's own clients repeat such a call by themselves, connect-node's does not.
 */
export function limitConnectionAge(session: ServerHttp2Session, maxAgeMs: number): void {
  const timer = setTimeout(() => session.close(), maxAgeMs * (0.9 + 0.2 * Math.random())).unref();
  session.once("close", () => clearTimeout(timer));
}
