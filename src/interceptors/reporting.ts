import type { ContextKey } from "@connectrpc/connect";
import type { FaultReports } from "../telemetry/fault-reports.ts";
import { observationKey } from "../telemetry/observation-key.ts";
import { type CallOrigin, callerKey } from "./call-facts.ts";
import type { WatchCall } from "./watching.ts";

/** Tells of each call that has ended, for those that are reported beside the faults: which, how long, how it went. */
export function reportCalls({ called }: FaultReports, originKey: ContextKey<CallOrigin>): WatchCall {
  return ({ service, method, contextValues }) => {
    const startMs = Date.now();
    return {
      ended({ code }) {
        called({
          rpc: `${service.typeName}/${method.name}`,
          requestId: contextValues.get(callerKey)?.requestId || contextValues.get(originKey).requestId,
          code,
          traceId: contextValues.get(observationKey)?.traceId,
          startMs,
          endMs: Date.now(),
        });
      },
    };
  };
}
