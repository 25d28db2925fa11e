import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { LivellmError } from "../core/error.ts";
import type { Face } from "./call-origin.ts";
import { headerOf, type NodeRequest } from "./node-http.ts";

/** Who serves a request on the path of an RPC, or why nobody does. */
export type Choice =
  | { readonly kind: "plain" }
  | { readonly kind: "connect"; readonly face: Face }
  | {
      readonly kind: "refused";
      readonly httpStatus: number;
      readonly error: LivellmError;
      readonly headers: Readonly<Record<string, string>>;
    };

/** Chooses by HTTP method and content type, as gRPC, gRPC-Web and Connect do, and says what would be right where none fits. */
export function chooseFace(request: NodeRequest, method: DescMethod): Choice {
  const readable =
    method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS && method.methodKind === "unary";
  if (request.method === "GET" && readable) return chooseForGet(request);
  if (request.method !== "POST") return wrongVerb(request, method, readable ? "GET, POST" : "POST");
  return chooseForPost(request, method);
}

function chooseForGet(request: NodeRequest): Choice {
  const query = new URLSearchParams((request.url ?? "").split("?")[1]);
  const encoding = query.get("encoding") ?? "json";
  if (encoding === "json" && query.get("compression") === null) return { kind: "plain" };
  if (encoding === "json" || encoding === "proto") return { kind: "connect", face: "connect" };
  return refused(415, "the query's encoding must be json or proto");
}

const json = /^application\/json(?: *; *charset="?utf-?8"?)?$/i;
const unary = /^application\/proto$/i;
const connectStream = /^application\/connect\+(?:json(?: *; *charset=utf-?8)?|proto)$/i;
const grpc = /^application\/grpc(-web)?(?:\+(?:proto|json))?$/i;

function chooseForPost(request: NodeRequest, method: DescMethod): Choice {
  const contentType = headerOf(request, "content-type") ?? "";
  const oneMessage = method.methodKind === "unary";
  if (json.test(contentType)) return chooseForJson(request, oneMessage);
  const isGrpc = grpc.exec(contentType);
  if (!isGrpc && !(oneMessage ? unary : connectStream).test(contentType)) return wrongContentType(method, contentType);
  if (method.methodKind === "bidi_streaming" && request.httpVersionMajor === 1) return needsHttp2(method);
  if (isGrpc) return { kind: "connect", face: isGrpc[1] ? "grpc-web" : "grpc" };
  return { kind: "connect", face: "connect" };
}

/** Compressed JSON is Connect's to unpack; it has a form of it for unary calls alone. */
function chooseForJson(request: NodeRequest, oneMessage: boolean): Choice {
  const encoding = headerOf(request, "content-encoding") ?? "identity";
  if (encoding === "identity") return { kind: "plain" };
  if (oneMessage) return { kind: "connect", face: "connect" };
  return refused(415, "a compressed JSON request is taken for unary calls only; send this one as it is");
}

function wrongVerb(request: NodeRequest, method: DescMethod, allow: string): Choice {
  const why = request.method === "GET" ? "it is not a plain read" : "RPCs know no other HTTP methods";
  return refused(405, `${method.name} is called with ${allow.replace(", ", " or ")}: ${why}`, { allow });
}

function wrongContentType(method: DescMethod, contentType: string): Choice {
  const kind =
    method.methodKind === "unary" ? "application/proto" : "application/connect+json or application/connect+proto";
  const got = contentType === "" ? "there is none" : "this one is not";
  return refused(
    415,
    `${method.name} takes content-type application/json (plain HTTP), ${kind} (Connect), application/grpc or application/grpc-web; ${got}`,
    { "accept-post": "application/json" },
  );
}

function needsHttp2(method: DescMethod): Choice {
  // A client that was made for full duplex may wait for ever on HTTP/1.1; closing the connection wakes it.
  return refused(505, `${method.name} sends both ways at once and needs HTTP/2, or a WebSocket on the same path`, {
    connection: "close",
  });
}

function refused(httpStatus: number, message: string, headers: Readonly<Record<string, string>> = {}): Choice {
  return {
    kind: "refused",
    httpStatus,
    error: new LivellmError(httpStatus === 505 ? "unimplemented" : "invalid_argument", "invalid_request", message),
    headers,
  };
}
