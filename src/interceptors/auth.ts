import type { DescMethod } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Gatekeeper } from "../access/gatekeeper.ts";
import { principalKey } from "../access/principal.ts";
import { LivellmError } from "../core/error.ts";

/**
 * Lets in who may make the call, and leaves word of who that is. It looks at headers alone, and runs before any message of a
 * stream is read.
 */
export function createAuthInterceptor({ admit, begin }: Gatekeeper): Interceptor {
  return (next) => async (request) => {
    const rpc = { service: request.service.typeName, method: request.method.name };
    const principal = admit(request.header.get("authorization"), rpc);
    begin(principal);
    request.contextValues.set(principalKey, principal);
    return next(request);
  };
}

interface ArrivingCall {
  readonly method: DescMethod;
  readonly authorization: string | undefined;
  readonly requestId: string;
}

/** The same question for faces that can ask it before they read a body; who is refused is logged, as every call is. */
export function createAdmission({ admit }: Gatekeeper, logger: Logger): (call: ArrivingCall) => void {
  return ({ method, authorization, requestId }) => {
    const service = method.parent.typeName;
    try {
      admit(authorization, { service, method: method.name });
    } catch (error) {
      const code = error instanceof LivellmError ? error.code : "internal";
      logger.warn({ rpc: `${service}/${method.name}`, code, requestId }, "rpc refused");
      throw error;
    }
  };
}
