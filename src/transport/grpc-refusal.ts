import { Http2ServerResponse } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { encodeGrpcMessage } from "./connect.ts";
import { headerOf, type NodeRequest, type NodeResponse } from "./node-http.ts";

const grpc = /^application\/grpc(?:-web(?:-text)?)?(?:\+\w+)?(?: *;|$)/i;

/**
 * Answers a gRPC or gRPC-Web request that is no call of ours in its own protocol: HTTP status 200, and the status where trailers
 * without a message go, in the head ("Trailers-Only"). Its clients would make "HTTP status 404" of any other answer. False, and
 * nothing is done, for requests of other protocols.
 */
export function refuseGrpc(request: NodeRequest, response: NodeResponse, error: ConnectError): boolean {
  const contentType = headerOf(request, "content-type") ?? "";
  if (!grpc.test(contentType)) return false;
  const trailer = setTrailerStatus(new Headers(), error);
  trailer.set("grpc-message", encodeGrpcMessage(error.rawMessage));
  for (const [name, value] of trailer) response.setHeader(name, value);
  response.setHeader("content-type", contentType);
  endWithHead(response);
  request.resume(); // a client over HTTP/1.1 may send before it reads
  return true;
}

/** The head has to end the stream in HTTP/2: node's own `end` would send an empty body behind it, which is a broken gRPC answer. */
function endWithHead(response: NodeResponse): void {
  if (response instanceof Http2ServerResponse) {
    response.stream.respond({ ":status": 200, ...response.getHeaders() }, { endStream: true });
    return;
  }
  response.writeHead(200);
  response.end();
}
