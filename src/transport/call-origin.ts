import { type ContextKey, createContextKey } from "@connectrpc/connect";

/** In which framing a call came. */
export type Face = "grpc" | "grpc-web" | "connect" | "json" | "sse" | "ndjson" | "websocket" | "in-process";

/** What the transport knows of a call before any message is read. */
export interface CallOrigin {
  /** From the `x-request-id` header, else made up. A message's own `caller.request_id` wins over it later. */
  readonly requestId: string;
  readonly remoteAddress: string;
  readonly face: Face;
}

/** Where interceptors find the origin; every call of every face has it set. */
export const callOriginKey: ContextKey<CallOrigin> = createContextKey<CallOrigin>(
  { requestId: "", remoteAddress: "", face: "connect" },
  { description: "where the call came from" },
);
