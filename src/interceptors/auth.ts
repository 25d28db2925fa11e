import type { DescMethod } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Gatekeeper } from "../access/gatekeeper.ts";
import { principalKey } from "../access/principal.ts";
import { type FailureReason, LivellmError } from "../core/error.ts";

/**
 * Lets in who may make the call, and leaves word of who that is. It looks at headers alone, and runs before any message of a
 * stream is read.
 */
export function createAuthInterceptor({ admit, begin }: Gatekeeper): Interceptor {
  return (next) => async (request) => {
    const rpc = { service: request.service.typeName, method: request.method.name };
    const principal = admit(request.header.get("authorization"), rpc);
    const counted = begin(principal);
    if (counted) await counted;
    request.contextValues.set(principalKey, principal);
    return next(request);
  };
}

interface ArrivingCall {
  readonly method: DescMethod;
  readonly authorization: string | undefined;
  readonly requestId: string;
  /** Where it comes from. */
  readonly remoteAddress: string;
}

/** Told of a call that is not let in. */
type Refused = (rpc: string, outcome: { readonly code: string; readonly reason: FailureReason }) => void;

interface Admission {
  /** Unset for a face that logs what it refuses itself. */
  readonly logger?: Logger;
  /** Counts those who are refused. */
  readonly refused?: Refused;
}

/** The same question for faces that can ask it before they read a body; who is refused is logged, as every call is. */
export function createAdmission({ admit }: Gatekeeper, { logger, refused }: Admission): (call: ArrivingCall) => void {
  return ({ method, authorization, requestId, remoteAddress }) => {
    const service = method.parent.typeName;
    try {
      admit(authorization, { service, method: method.name });
    } catch (error) {
      const { code, reason } = error instanceof LivellmError ? error : unforeseen;
      const rpc = `${service}/${method.name}`;
      logger?.warn({ rpc, code, reason, requestId, remoteAddress }, "rpc refused");
      refused?.(rpc, { code, reason });
      throw error;
    }
  };
}

const unforeseen = { code: "internal", reason: "internal" } as const;
