import type { IncomingHttpHeaders } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import { dropEndlessTimeouts } from "./call-timeout.ts";

/** The framing of an answer. */
export type HotFraming = "grpc" | "grpc-web" | "connect-unary" | "connect-stream";

/** How a call is spoken that the hot path answers. */
export interface HotFace {
  readonly framing: HotFraming;
  readonly json: boolean;
  /** The content type of the answer. */
  readonly contentType: string;
}

const faces: ReadonlyMap<string, HotFace> = new Map([
  ["application/grpc", { framing: "grpc", json: false, contentType: "application/grpc+proto" }],
  ["application/grpc+proto", { framing: "grpc", json: false, contentType: "application/grpc+proto" }],
  ["application/grpc+json", { framing: "grpc", json: true, contentType: "application/grpc+json" }],
  ["application/grpc-web", { framing: "grpc-web", json: false, contentType: "application/grpc-web+proto" }],
  ["application/grpc-web+proto", { framing: "grpc-web", json: false, contentType: "application/grpc-web+proto" }],
  ["application/grpc-web+json", { framing: "grpc-web", json: true, contentType: "application/grpc-web+json" }],
  ["application/proto", { framing: "connect-unary", json: false, contentType: "application/proto" }],
  ["application/connect+proto", { framing: "connect-stream", json: false, contentType: "application/connect+proto" }],
  ["application/connect+json", { framing: "connect-stream", json: true, contentType: "application/connect+json" }],
]);

/** What decides it. */
export interface HotRequest {
  readonly httpVersion: 1 | 2;
  readonly httpMethod: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/**
 * How the hot path would answer, or undefined for everything that is uncommon and left to others: compression of the
 * request, pages of another origin, versions of a protocol that it does not know, deadlines that it cannot read, and what
 * HTTP/1.1 has no form for.
 */
export function hotFaceOf({ httpVersion, httpMethod, headers }: HotRequest, method: DescMethod): HotFace | undefined {
  const face = faces.get(headers["content-type"] ?? "");
  if (face === undefined || httpMethod !== "POST") return undefined;
  if (httpVersion === 1 && (face.framing === "grpc" || method.methodKind === "bidi_streaming")) return undefined;
  if (headers.origin !== undefined || headers.expect !== undefined) return undefined;
  const isConnect = face.framing === "connect-unary" || face.framing === "connect-stream";
  if (isConnect && (method.methodKind === "unary") !== (face.framing === "connect-unary")) return undefined;
  return isCompressed(headers) || isUnknown(headers) ? undefined : face;
}

const encodings = ["grpc-encoding", "content-encoding", "connect-content-encoding"] as const;

function isCompressed(headers: IncomingHttpHeaders): boolean {
  return encodings.some((name) => headers[name] !== undefined && headers[name] !== "identity");
}

function isUnknown(headers: IncomingHttpHeaders): boolean {
  return (
    (headers["connect-protocol-version"] ?? "1") !== "1" ||
    !grpcTimeout.test(String(headers["grpc-timeout"] ?? "1S")) ||
    !connectTimeout.test(String(headers["connect-timeout-ms"] ?? "1"))
  );
}

const grpcTimeout = /^(\d{1,8})([HMSmun])$/;
const connectTimeout = /^\d{1,10}$/;
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** The caller's deadline, from now; undefined when there is none that would ever fire. */
export function hotTimeoutMs(headers: IncomingHttpHeaders, { framing }: HotFace): number | undefined {
  dropEndlessTimeouts({ headers });
  if (framing === "grpc" || framing === "grpc-web") {
    const [, count, unit] = grpcTimeout.exec(String(headers["grpc-timeout"] ?? "")) ?? [];
    return count === undefined ? undefined : Number(count) * (unitMs[unit ?? ""] ?? 0);
  }
  const milliseconds = headers["connect-timeout-ms"];
  return milliseconds === undefined ? undefined : Number(milliseconds);
}
