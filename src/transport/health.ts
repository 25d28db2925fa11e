import type { ServiceImpl } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { LivellmError } from "../core/error.ts";
import type { ServiceRoute } from "./service-route.ts";

/** The gRPC health service, and the switch that is thrown before a shutdown. */
export interface HealthService {
  readonly route: ServiceRoute;
  /** Everything turns NOT_SERVING, for good; watchers are told, and their calls end, so as not to hold up the shutdown. */
  drain(): void;
}

/** grpc.health.v1 for the named services and, as the empty name, the whole server. They serve until the server drains. */
export function createHealth(serviceNames: readonly string[]): HealthService {
  const known = new Set(["", ...serviceNames]);
  const watchers = new Set<() => void>();
  let serving = true;
  const statusOf = () => (serving ? Status.SERVING : Status.NOT_SERVING);

  const implementation: ServiceImpl<typeof Health> = {
    check({ service }) {
      if (known.has(service)) return { status: statusOf() };
      throw new LivellmError("not_found", "not_found", `there is no service ${JSON.stringify(service)} here`);
    },
    list: () => ({ statuses: Object.fromEntries([...known].map((name) => [name, { status: statusOf() }])) }),
    async *watch({ service }, { signal }) {
      if (!known.has(service)) yield { status: Status.SERVICE_UNKNOWN };
      else yield { status: statusOf() };
      if (!serving) return;
      await drainedOrAborted(watchers, signal);
      if (!serving && known.has(service)) yield { status: Status.NOT_SERVING };
    },
  };
  return {
    route: { service: Health, implementation },
    drain() {
      serving = false;
      for (const tell of watchers) tell();
    },
  };
}

/** One listener for each watcher, gone with it: racing one long-lived promise would keep all who ever watched. */
function drainedOrAborted(watchers: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const wake = () => {
      watchers.delete(wake);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    watchers.add(wake);
    signal.addEventListener("abort", wake, { once: true });
  });
}
