import type { DescMethod } from "@bufbuild/protobuf";

/** What is known of a call by its headers. */
export interface ArrivingCall {
  readonly method: DescMethod;
  readonly authorization: string | undefined;
  readonly requestId: string;
  /** Where it comes from. */
  readonly remoteAddress: string;
}

/**
 * Throws when the caller may not make the call. Faces ask before they read a body, so that nobody unknown can have one held;
 * the interceptors ask again, of every call.
 */
export type Admit = (call: ArrivingCall) => void;

const tokenProtocol = /(?:^|,)\s*livellm\.token\.([^\s,]+)\s*(?:,|$)/;

/**
 * The `authorization` that a page offers as a WebSocket subprotocol, `livellm.token.<token>`: it cannot set headers.
 * Undefined when there is none.
 */
export function offeredAuthorization(protocols: string | undefined): string | undefined {
  const token = tokenProtocol.exec(protocols ?? "")?.[1];
  return token && `Bearer ${token}`;
}
