import { ProvidersService, ProviderHealth_Status as Status } from "../../../gen/livellm/v1/providers_service_pb.ts";
import type { Caller, Gateway } from "../gateway.ts";
import type { ChatProvider } from "./settings.ts";

/** What this system says of itself. */
export const systemHealth = { status: "OK", message: "System operational", provider: null, metrics: null, error: null };

const { checkHealth } = ProvidersService.method;

/**
 * How a provider is doing. It is asked for its models, which costs nothing; the old system had a model answer a question. A provider
 * that is not configured is told as an error, as one that does not answer is.
 */
export async function providerHealth(
  gateway: Gateway,
  { name, provider }: ChatProvider,
  caller: Caller,
): Promise<object> {
  const started = performance.now();
  const { providers } = await gateway.unary(checkHealth, { provider, probe: true }, caller);
  const [health] = providers;
  const well = health?.status === Status.HEALTHY || health?.status === Status.DEGRADED;
  const seconds = (health?.latencyMs ?? performance.now() - started) / 1000;
  return {
    provider: name,
    status: well ? "OK" : "ERROR",
    message: well ? "Provider operational" : "Provider not operational",
    metrics: { responseTime: well ? `${seconds.toFixed(3)}s` : "N/A" },
    error: well ? null : { message: health?.failure?.message || "the provider does not answer" },
  };
}

/** The same for a provider of which nothing can be said. */
export function unknownHealth({ name }: ChatProvider, message: string): object {
  return {
    provider: name,
    status: "ERROR",
    message: "Provider not operational",
    metrics: { responseTime: "N/A" },
    error: { message },
  };
}
