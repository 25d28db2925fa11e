import { type ContextKey, createContextKey } from "@connectrpc/connect";
import type { CallerInfo } from "../../gen/livellm/v1/common_pb.ts";

/** What the transport knows of a call before any message is read; it sets this on every call. */
export interface CallOrigin {
  readonly requestId: string;
  readonly remoteAddress: string;
  /** The framing it came in: `grpc`, `json`, `sse`, … */
  readonly face: string;
}

/** Who is calling, once the message that says so has been read. Absent before that, and where a request has no caller. */
export const callerKey: ContextKey<CallerInfo | undefined> = createContextKey<CallerInfo | undefined>(undefined, {
  description: "who is calling",
});
