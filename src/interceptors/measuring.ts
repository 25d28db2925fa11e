import type { ContextKey } from "@connectrpc/connect";
import { principalKey } from "../access/principal.ts";
import { observationKey } from "../telemetry/observation-key.ts";
import type { CallerFacts } from "../telemetry/observed-call.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { type CallOrigin, callerKey } from "./call-facts.ts";
import type { WatchCall, WatchedRequest } from "./watching.ts";

/** Tells telemetry of every call, and leaves in the call what its handler tells the rest to. */
export function measureCalls(telemetry: Telemetry, originKey: ContextKey<CallOrigin>): WatchCall {
  return (request) => {
    const { method, contextValues } = request;
    const call = telemetry.begin({
      rpc: `${method.parent.typeName}/${method.name}`,
      face: contextValues.get(originKey).face,
      streams: method.methodKind !== "unary",
      isSession: method.methodKind === "bidi_streaming",
      headers: request.header,
      caller: () => callerFacts(request, originKey),
    });
    contextValues.set(observationKey, call);
    return call;
  };
}

function callerFacts({ contextValues }: WatchedRequest, originKey: ContextKey<CallOrigin>): CallerFacts {
  const caller = contextValues.get(callerKey);
  const principal = contextValues.get(principalKey);
  return {
    requestId: caller?.requestId || contextValues.get(originKey).requestId,
    sessionId: caller?.sessionId ?? "",
    userId: caller?.userId ?? "",
    app: caller?.app ?? "",
    clientId: caller?.clientId ?? "",
    device: caller?.device ?? "",
    labels: caller?.labels ?? {},
    tokenId: principal.kind === "bearer" ? principal.token.id : "",
  };
}
