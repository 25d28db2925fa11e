import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type CheckHealthRequest,
  type CheckHealthResponseSchema,
  type ProviderHealthSchema,
  ProviderHealth_Status as Status,
} from "../../gen/livellm/v1/providers_service_pb.ts";
import { LivellmError } from "../core/error.ts";
import type { Capabilities, ProviderConfig } from "../core/provider.ts";
import { failureToProto } from "../messages/route.ts";
import { toFailure } from "../routing/failure.ts";
import type { HealthMemory } from "../routing/health.ts";
import type { HealthReport } from "../routing/health-status.ts";
import { askWithin } from "../routing/provider-listing.ts";
import type { ProviderRegistry } from "../routing/provider-registry.ts";

export interface CheckHealthOptions {
  readonly registry: Pick<ProviderRegistry, "get" | "list" | "ids">;
  readonly health: HealthMemory;
  /** Builds a provider to ask it; disposed when that is done. */
  readonly connect: (config: ProviderConfig) => Disposable & { readonly capabilities: Capabilities };
}

/** How long a provider may take to answer a probe, in milliseconds. */
const probeTimeoutMs = 5_000;

/**
 * ProvidersService.CheckHealth: what the calls of the last minutes have shown. With `probe` each provider is asked for its
 * models first, which costs nothing; one that has no such list is judged by its calls alone.
 */
export async function checkHealth(
  { provider, probe }: CheckHealthRequest,
  options: CheckHealthOptions,
  signal: AbortSignal,
): Promise<MessageInitShape<typeof CheckHealthResponseSchema>> {
  const configs = chosen(provider, options.registry);
  const providers = configs.map(async (config) => {
    const probed = probe && !config.disabled ? await ask(config, options, signal) : undefined;
    return healthToProto(config, probed ?? options.health.report(config), options.health.now());
  });
  return { providers: await Promise.all(providers) };
}

function chosen(id: string, registry: CheckHealthOptions["registry"]): readonly ProviderConfig[] {
  if (id === "") return registry.list();
  const config = registry.get(id);
  if (config) return [config];
  const message = `there is no provider "${id}"; there are: ${registry.ids().slice(0, 20).join(", ")}`;
  throw new LivellmError("not_found", "not_found", message);
}

/** What the probe has shown; undefined where there is nothing to ask. That it answers does not say that its models do. */
async function ask(
  config: ProviderConfig,
  { connect, health }: CheckHealthOptions,
  signal: AbortSignal,
): Promise<HealthReport | undefined> {
  const startMs = health.now();
  try {
    using connected = connect(config);
    const { models } = connected.capabilities;
    if (!models) return undefined;
    await askWithin({ ask: (s) => models.list(s), provider: config.id, timeoutMs: probeTimeoutMs }, signal);
    const latencyMs = health.now() - startMs;
    health.observe(config, { latencyMs });
    const { status } = health.report(config);
    return { ...health.report(config), status: status === "unhealthy" ? "degraded" : status, latencyMs };
  } catch (error) {
    if (signal.aborted || !(error instanceof LivellmError)) throw error;
    health.observe(config, { error });
    return { status: "unhealthy", failure: toFailure(error), atMs: health.now() };
  }
}

const statuses = {
  healthy: Status.HEALTHY,
  degraded: Status.DEGRADED,
  unhealthy: Status.UNHEALTHY,
  unknown: Status.UNKNOWN,
} as const satisfies Readonly<Record<HealthReport["status"], Status>>;

function healthToProto(
  { id, disabled }: ProviderConfig,
  { status, failure, latencyMs, atMs }: HealthReport,
  nowMs: number,
): MessageInitShape<typeof ProviderHealthSchema> {
  const checkTime = timestampFromMs(Math.floor(atMs ?? nowMs));
  if (disabled) return { provider: id, status: Status.DISABLED, checkTime };
  return {
    provider: id,
    status: statuses[status],
    checkTime,
    ...(failure && { failure: failureToProto(failure) }),
    ...(latencyMs !== undefined && { latencyMs: Math.round(latencyMs) }),
  };
}
